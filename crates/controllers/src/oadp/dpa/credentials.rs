//! Which Secret holds the credentials of what, and whether its contents can be used.

use std::collections::BTreeMap;

use api::refs::SecretKeySelector;

use crate::install::deployment::Credentials;

/// The key that credentials stand under unless somebody says otherwise.
const KEY: &str = "cloud";
const AWS: Credentials = Credentials {
    secret: "cloud-credentials",
    mount: "/credentials",
    variables: &["AWS_SHARED_CREDENTIALS_FILE"],
    optional: true,
};
const GCP: Credentials = Credentials {
    secret: "cloud-credentials-gcp",
    mount: "/credentials-gcp",
    variables: &["GOOGLE_APPLICATION_CREDENTIALS"],
    optional: true,
};
const AZURE: Credentials = Credentials {
    secret: "cloud-credentials-azure",
    mount: "/credentials-azure",
    variables: &["AZURE_CREDENTIALS_FILE"],
    optional: true,
};

/// The provider's name without the prefix that Velero also takes.
pub(super) fn plain_provider(provider: &str) -> &str {
    provider.strip_prefix("velero.io/").unwrap_or(provider)
}

/// The default credentials of a plugin or provider; `None` where it has none.
pub(super) fn default_secret(plugin: &str) -> Option<Credentials> {
    match plain_provider(plugin) {
        "aws" | "legacy-aws" => Some(AWS),
        "gcp" => Some(GCP),
        "azure" => Some(AZURE),
        _ => None,
    }
}

/// Name and key of the default Secret of a provider.
pub(super) fn default_of(provider: &str) -> Option<(String, String)> {
    default_secret(provider).map(|credentials| (credentials.secret.to_owned(), KEY.to_owned()))
}

/// Name and key of the Secret that a location names itself, as a reference or as `SECRET/KEY`.
pub(super) fn reference(
    credential: Option<&SecretKeySelector>,
    config: &BTreeMap<String, String>,
) -> Option<(String, String)> {
    match credential {
        Some(credential) => Some((credential.name.clone(), credential.key.clone())),
        None => {
            let (name, key) = config.get("credentialsFile")?.split_once('/')?;
            Some((name.to_owned(), key.to_owned()))
        }
    }
}

/// Why an AWS credentials file cannot be used with a profile.
pub(super) fn check_aws(contents: &[u8], profile: &str) -> Result<(), String> {
    let text = std::str::from_utf8(contents).map_err(|_| "is not text".to_owned())?;
    let keys = profile_keys(text, profile).ok_or_else(|| format!("has no profile {profile:?}"))?;
    let has = |key: &str| keys.iter().any(|(name, value)| name == key && !value.is_empty());
    let sts = ["role_arn", "web_identity_token_file", "sts_regional_endpoints", "credential_process"];
    match (has("aws_access_key_id"), has("aws_secret_access_key")) {
        (true, true) => Ok(()),
        (true, false) => Err(format!("has no aws_secret_access_key in profile {profile:?}")),
        (false, true) => Err(format!("has no aws_access_key_id in profile {profile:?}")),
        (false, false) if sts.iter().any(|key| has(key)) => Ok(()),
        (false, false) => Err(format!("has neither keys nor a role in profile {profile:?}")),
    }
}

/// The keys and values of a profile; `None` where there is no such profile.
fn profile_keys(text: &str, profile: &str) -> Option<Vec<(String, String)>> {
    let mut found = None;
    let mut inside = false;
    for line in text.lines().map(str::trim) {
        if let Some(section) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            let section = section.trim();
            inside = section.strip_prefix("profile ").unwrap_or(section).trim() == profile;
            if inside {
                found.get_or_insert_with(Vec::new);
            }
        } else if inside
            && !line.starts_with(['#', ';'])
            && let Some((key, value)) = line.split_once('=')
            && let Some(keys) = &mut found
        {
            keys.push((key.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    found
}

/// The variables of an Azure credentials file.
pub(super) fn variables(contents: &[u8]) -> BTreeMap<String, String> {
    let text = String::from_utf8_lossy(contents);
    let lines = text.lines().map(|line| line.trim().trim_start_matches("export "));
    let pairs = lines.filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('='));
    pairs.map(|(key, value)| (key.trim().to_owned(), value.trim().trim_matches('"').to_owned())).collect()
}

/// Why an Azure credentials file cannot be used by a location.
pub(super) fn check_azure(contents: &[u8], config: &BTreeMap<String, String>) -> Result<(), String> {
    let variables = variables(contents);
    let has = |key: &str| variables.get(key).is_some_and(|value| !value.is_empty());
    if let Some(key) = config.get("storageAccountKeyEnvVar").filter(|key| !key.is_empty()) {
        return if has(key) {
            Ok(())
        } else {
            Err(format!("has no {key}, which storageAccountKeyEnvVar names"))
        };
    }
    let principal = ["AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_SUBSCRIPTION_ID"];
    let some = principal[1..3].iter().any(|key| has(key));
    let missing: Vec<_> = principal.into_iter().filter(|key| !has(key)).collect();
    match (some && has("AZURE_CLIENT_SECRET"), missing.is_empty()) {
        (true, false) => Err(format!("lacks {} of its service principal", missing.join(", "))),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_aws_file_needs_both_keys_or_a_role_in_its_profile() {
        for (text, profile, expect) in [
            ("[default]\naws_access_key_id=a\naws_secret_access_key = b\n", "default", ""),
            ("[default]\r\naws_access_key_id=a\r\naws_secret_access_key=b\r\n", "default", ""),
            ("[profile x]\nrole_arn=arn\n", "x", ""),
            ("[default]\naws_access_key_id=a\n", "default", "no aws_secret_access_key"),
            ("[default]\naws_secret_access_key=a\n", "default", "no aws_access_key_id"),
            ("[default]\n# aws_access_key_id=a\nregion=b\n", "default", "neither keys nor a role"),
            ("[other]\naws_access_key_id=a\naws_secret_access_key=b\n", "default", "no profile \"default\""),
            ("", "default", "no profile"),
        ] {
            let message = check_aws(text.as_bytes(), profile).err().unwrap_or_default();
            assert!(
                message.contains(expect) && message.is_empty() == expect.is_empty(),
                "{text:?}: {message}"
            );
        }
        assert!(check_aws(&[0xff], "default").is_err());
    }

    #[test]
    fn an_azure_file_needs_what_is_named_or_a_whole_service_principal() {
        let named = BTreeMap::from([("storageAccountKeyEnvVar".to_owned(), "KEY".to_owned())]);
        let none = BTreeMap::new();
        assert!(check_azure(b"KEY=a", &named).is_ok());
        assert!(check_azure(b"OTHER=a", &named).unwrap_err().contains("KEY"));
        assert!(
            check_azure(b"AZURE_CLIENT_ID=a\nAZURE_SUBSCRIPTION_ID=s", &none).is_ok(),
            "workload identity"
        );
        let message = check_azure(b"AZURE_CLIENT_ID=a\nAZURE_CLIENT_SECRET=b", &none).unwrap_err();
        assert!(message.contains("AZURE_TENANT_ID, AZURE_SUBSCRIPTION_ID"), "{message}");
    }
}
