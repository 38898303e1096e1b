//! A server that the API server asks: webhooks that change and deny objects, one that converts them, and an API group.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// The group of what is made here.
pub(super) const GROUP: &str = "kinds.example.com";
/// The label on objects that the denying webhook refuses.
pub(super) const FORBIDDEN: &str = "kinds.example.com/forbidden";
/// What it says then.
pub(super) const DENIED: &str = "the keeper does not allow it";
/// The label that the changing webhook puts on objects.
pub(super) const CHANGED: &str = "kinds.example.com/changed";

/// The server; it ends when it is dropped.
pub(super) struct Server {
    pub(super) host: String,
    pub(super) port: u16,
    /// The certificate to trust, as fields of the API have it.
    pub(super) authority: String,
    asked: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Server {
    /// Listens at an address of this machine; the API server also reaches it by these names.
    pub(super) async fn start(address: Ipv4Addr, names: &[String]) -> Self {
        let listener = TcpListener::bind((address, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let names = [&[address.to_string()], names].concat();
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let tls = acceptor(&made);
        let asked = Arc::new(AtomicUsize::new(0));
        let service = TowerToHyperService::new(router(Arc::clone(&asked)));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(converse(stream, tls.clone(), service.clone()));
            }
        });
        let authority = BASE64_STANDARD.encode(made.cert.pem());
        Self { host: address.to_string(), port, authority, asked, task }
    }

    /// How webhooks are told of a path of the server.
    pub(super) fn client_config(&self, path: &str) -> Value {
        json!({"url": format!("https://{}:{}/{path}", self.host, self.port), "caBundle": self.authority})
    }

    /// How many objects were converted.
    pub(super) fn converted(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn acceptor(made: &rcgen::CertifiedKey<rcgen::KeyPair>) -> TlsAcceptor {
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

async fn converse(stream: TcpStream, tls: TlsAcceptor, service: TowerToHyperService<Router>) {
    let Ok(stream) = tls.accept(stream).await else { return };
    // The API server ends connections as it likes.
    drop(Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await);
}

fn router(converted: Arc<AtomicUsize>) -> Router {
    let group = format!("/apis/guests.{GROUP}/v1");
    Router::new()
        .route("/change", post(change))
        .route("/deny", post(deny))
        .route("/convert", post(convert))
        .route(&group, get(nothing_in_the_group))
        .with_state(converted)
}

/// An API group without a kind.
async fn nothing_in_the_group() -> Json<Value> {
    Json(json!({
        "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": format!("guests.{GROUP}/v1"), "resources": [],
    }))
}

/// Puts a label on an object that has labels.
async fn change(Json(review): Json<Value>) -> Json<Value> {
    if review["request"]["object"]["metadata"]["labels"].is_null() {
        return Json(answered(&review, json!({"allowed": true})));
    }
    let path = format!("/metadata/labels/{}", CHANGED.replace('/', "~1"));
    let patch = json!([{"op": "add", "path": path, "value": "yes"}]).to_string();
    let response = json!({"allowed": true, "patchType": "JSONPatch", "patch": BASE64_STANDARD.encode(patch)});
    Json(answered(&review, response))
}

/// Denies objects with a label.
async fn deny(Json(review): Json<Value>) -> Json<Value> {
    let forbidden = review["request"]["object"]["metadata"]["labels"][FORBIDDEN].is_string();
    let status = json!({"code": 403, "message": DENIED});
    Json(answered(&review, json!({"allowed": !forbidden, "status": status})))
}

fn answered(review: &Value, mut response: Value) -> Value {
    response["uid"] = review["request"]["uid"].clone();
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response})
}

/// Converts lodgings: in `v1` the place is `HOUSE/ROOM`, in `v2` they are fields.
async fn convert(State(count): State<Arc<AtomicUsize>>, Json(review): Json<Value>) -> Json<Value> {
    let request = &review["request"];
    let wanted = request["desiredAPIVersion"].as_str().unwrap_or_default();
    let objects: Vec<Value> =
        request["objects"].as_array().into_iter().flatten().map(|object| converted(object, wanted)).collect();
    count.fetch_add(objects.len(), Ordering::Relaxed);
    let response =
        json!({"uid": request["uid"], "convertedObjects": objects, "result": {"status": "Success"}});
    Json(json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "ConversionReview", "response": response}))
}

fn converted(object: &Value, wanted: &str) -> Value {
    let mut object = object.clone();
    if object["apiVersion"] == wanted {
        return object;
    }
    if wanted.ends_with("/v2") {
        let place = object["spec"]["place"].as_str().unwrap_or_default().to_owned();
        let (house, room) = place.split_once('/').unwrap_or((&place, ""));
        object["spec"] = json!({"house": house, "room": room});
    } else {
        let part = |name: &str| object["spec"][name].as_str().unwrap_or_default().to_owned();
        object["spec"] = json!({"place": format!("{}/{}", part("house"), part("room"))});
    }
    object["apiVersion"] = json!(wanted);
    object
}
