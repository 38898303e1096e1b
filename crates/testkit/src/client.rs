//! A small client of an API server, independent of the one under test.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Certificate, Method, StatusCode};
use serde_json::{Value, json};

/// How long one request may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// A connection to an API server, as one user.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    server: String,
}

impl Client {
    /// The current context of a kubeconfig that holds its certificates or a token.
    pub fn from_kubeconfig(path: &Path) -> Result<Self> {
        let (cluster, user) = current(path)?;
        Self::connect(&cluster, &user)
    }

    /// The cluster of a kubeconfig's current context, as whoever has a token.
    pub fn with_token(path: &Path, token: &str) -> Result<Self> {
        let (cluster, _) = current(path)?;
        Self::connect(&cluster, &json!({ "token": token }))
    }

    fn connect(cluster: &Value, user: &Value) -> Result<Self> {
        let mut http = reqwest::Client::builder().no_proxy().timeout(REQUEST_TIMEOUT);
        if let Some(authority) = pem(cluster, "certificate-authority")? {
            let bundle =
                Certificate::from_pem_bundle(&authority).context("failed to read the cluster's authority")?;
            http = http.tls_certs_only(bundle);
        }
        if let (Some(certificate), Some(key)) = (pem(user, "client-certificate")?, pem(user, "client-key")?) {
            let both = [key, b"\n".to_vec(), certificate].concat();
            http = http.identity(
                reqwest::Identity::from_pem(&both).context("failed to read the user's certificate")?,
            );
        }
        if let Some(token) = user["token"].as_str() {
            let value = format!("Bearer {token}").try_into().context("failed to use the user's token")?;
            http = http.default_headers([(reqwest::header::AUTHORIZATION, value)].into_iter().collect());
        }
        let server = cluster["server"].as_str().context("failed to find the cluster's server")?;
        let http = http.build().context("failed to make an HTTP client")?;
        Ok(Self { http, server: server.trim_end_matches('/').to_owned() })
    }

    /// Whether a path answers with success.
    pub async fn answers(&self, path: &str) -> Result<(), String> {
        match self.http.get(format!("{}{path}", self.server)).send().await {
            Ok(response) if response.status().is_success() => Ok(()),
            Ok(response) => Err(format!("{path} answered {}", response.status())),
            Err(error) => Err(reason(&error)),
        }
    }

    /// The body at a path, whatever it is.
    pub async fn text(&self, path: &str) -> Result<String> {
        let response = self.http.get(format!("{}{path}", self.server)).send().await;
        let response = response.with_context(|| format!("failed to get {path}"))?;
        let status = response.status();
        let body = response.text().await.with_context(|| format!("failed to read {path}"))?;
        if !status.is_success() {
            bail!("failed to get {path}: {status}: {body}");
        }
        Ok(body)
    }

    /// The document at a path; nothing where there is none.
    pub async fn get(&self, path: &str) -> Result<Option<Value>> {
        let (status, body) = self.send(Method::GET, path, None).await?;
        if status == StatusCode::NOT_FOUND { Ok(None) } else { accepted("get", path, status, body).map(Some) }
    }

    /// Every object of a list, page by page.
    pub async fn list(&self, path: &str) -> Result<Vec<Value>> {
        let (mut items, mut resume) = (Vec::new(), String::new());
        loop {
            let page = self.get(&format!("{path}?limit=500&continue={resume}")).await?;
            let mut page = page.with_context(|| format!("failed to list {path}: no such type"))?;
            if let Value::Array(found) = page["items"].take() {
                items.extend(found);
            }
            match page["metadata"]["continue"].as_str() {
                Some(next) if !next.is_empty() => resume = next.to_owned(),
                _ => return Ok(items),
            }
        }
    }

    /// Creates a document below the path of its type.
    pub async fn create(&self, path: &str, document: &Value) -> Result<Value> {
        let (status, body) = self.send(Method::POST, path, Some(document)).await?;
        accepted("create at", path, status, body)
    }

    /// Creates or changes the document at a path so that it is as given.
    pub async fn apply(&self, path: &str, document: &Value) -> Result<Value> {
        let path = format!("{path}?fieldManager=testkit&force=true");
        let (status, body) = self.patch(&path, "application/apply-patch+yaml", document).await?;
        accepted("apply", &path, status, body)
    }

    /// Merges a change into the document at a path.
    pub async fn merge(&self, path: &str, change: &Value) -> Result<Value> {
        let (status, body) = self.patch(path, "application/merge-patch+json", change).await?;
        accepted("patch", path, status, body)
    }

    /// Merges a change into the document at a path, lists by the keys of their entries.
    pub async fn strategic(&self, path: &str, change: &Value) -> Result<Value> {
        let (status, body) = self.patch(path, "application/strategic-merge-patch+json", change).await?;
        accepted("patch", path, status, body)
    }

    async fn patch(&self, path: &str, content: &str, document: &Value) -> Result<(StatusCode, Value)> {
        let request = self.http.patch(format!("{}{path}", self.server));
        let request = request.header("content-type", content).body(document.to_string());
        let response = request.send().await.with_context(|| format!("failed to patch {path}"))?;
        let status = response.status();
        Ok((status, body_of(response).await?))
    }

    /// Deletes what is at a path; nothing there is as good.
    pub async fn delete(&self, path: &str) -> Result<()> {
        let (status, body) = self.send(Method::DELETE, path, None).await?;
        if status == StatusCode::NOT_FOUND {
            Ok(())
        } else {
            accepted("delete", path, status, body).map(drop)
        }
    }

    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<(StatusCode, Value)> {
        let mut request = self.http.request(method.clone(), format!("{}{path}", self.server));
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let response = request.send().await.with_context(|| format!("failed to {method} {path}"))?;
        let status = response.status();
        Ok((status, body_of(response).await?))
    }
}

/// The body as a document; nothing where it is none, such as the word of a proxy.
async fn body_of(response: reqwest::Response) -> Result<Value> {
    let body = response.bytes().await.context("failed to read an answer")?;
    Ok(serde_json::from_slice(&body).unwrap_or_default())
}

fn accepted(action: &str, path: &str, status: StatusCode, body: Value) -> Result<Value> {
    if !status.is_success() {
        bail!(
            "failed to {action} {path}: {status}: {}",
            body["message"].as_str().unwrap_or("no reason given")
        );
    }
    Ok(body)
}

fn reason(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        text = inner.to_string();
        source = inner.source();
    }
    text
}

/// The cluster and the user of a kubeconfig's current context.
fn current(path: &Path) -> Result<(Value, Value)> {
    let text = fs::read_to_string(path).with_context(|| format!("failed to read {}", path.display()))?;
    let config: Value =
        serde_saphyr::from_str(&text).with_context(|| format!("failed to parse {}", path.display()))?;
    let context = named(&config, "contexts", "context", config["current-context"].as_str())?;
    let cluster = named(&config, "clusters", "cluster", context["cluster"].as_str())?;
    let user = named(&config, "users", "user", context["user"].as_str())?;
    Ok((cluster.clone(), user.clone()))
}

fn named<'a>(config: &'a Value, list: &str, field: &str, name: Option<&str>) -> Result<&'a Value> {
    let entries = config[list].as_array().map(Vec::as_slice).unwrap_or_default();
    let entry = entries.iter().find(|entry| entry["name"].as_str() == name);
    Ok(&entry.with_context(|| format!("failed to find {} in {list}", name.unwrap_or("a name")))?[field])
}

/// A PEM that a kubeconfig holds itself, or names a file of.
fn pem(entry: &Value, field: &str) -> Result<Option<Vec<u8>>> {
    if let Some(data) = entry[format!("{field}-data")].as_str() {
        return Ok(Some(STANDARD.decode(data).with_context(|| format!("failed to decode {field}-data"))?));
    }
    let Some(path) = entry[field].as_str() else { return Ok(None) };
    Ok(Some(fs::read(path).with_context(|| format!("failed to read {path}"))?))
}
