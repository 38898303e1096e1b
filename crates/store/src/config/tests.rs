//! Locations and their settings, right and wrong, as tables.

use super::*;

/// A configuration as it is written in a table of cases.
type Config<'a> = &'a [(&'a str, &'a str)];

fn location(provider: &str, config: &[(&str, &str)]) -> Location {
    let config = config.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let credentials = "[default]\naws_access_key_id=ID\naws_secret_access_key=KEY\n[half]\naws_access_key_id=ID\n\
                       [role]\nrole_arn=arn:r\nweb_identity_token_file=/t\nregion=eu-north-1\n\
                       [chain]\nrole_arn=arn:r\nsource_profile=default\n";
    Location {
        provider: provider.to_owned(),
        bucket: "bucket".to_owned(),
        config,
        credentials: Some(credentials.to_owned().into()),
        ..Location::default()
    }
}

fn s3(config: &[(&str, &str)]) -> S3 {
    match resolve(&location("aws", config)).unwrap().backend {
        Backend::S3(settings) => *settings,
        other => panic!("{other:?}"),
    }
}

fn refusal(location: &Location) -> String {
    let error = resolve(location).unwrap_err();
    assert!(matches!(error.kind, ErrorKind::Config | ErrorKind::Unsupported), "{error}");
    error.message
}

#[test]
fn wrong_settings_are_refused_with_what_is_right() {
    let cases: [(Config, &str); 13] = [
        (
            &[("regoin", "x"), ("s3url", "y")],
            "config has invalid keys: regoin, s3url; valid keys are: checksumAlgorithm, credentialsFile,",
        ),
        (&[("s3ForcePathStyle", "yes")], "config.s3ForcePathStyle is \"yes\", but has to be true or false"),
        (&[("s3Url", "minio:9000")], "config.s3Url is to be http://HOST"),
        (&[("s3Url", "http://a:b@minio")], "credentials do not belong here"),
        (
            &[("kmsKeyId", "k"), ("customerKeyEncryptionFile", "f")],
            "config has kmsKeyId and customerKeyEncryptionFile: only one",
        ),
        (
            &[("customerKeyEncryptionFile", "f")],
            "config.customerKeyEncryptionFile names a key that could not be read",
        ),
        (&[("serverSideEncryption", "rot13")], "but can be AES256"),
        (&[("checksumAlgorithm", "MD5")], "but can be empty, CRC32"),
        (&[("signatureVersion", "2")], "only 4 is spoken"),
        (&[("tagging", "a=1&b")], "config.tagging is to be KEY=VALUE&KEY=VALUE"),
        (&[("profile", "other")], "no profile \"other\"; they have: chain, default, half, role"),
        (&[("profile", "half")], "profile \"half\" of the credentials has no aws_secret_access_key"),
        (&[("profile", "chain")], "takes a role by source_profile"),
    ];
    for (config, expect) in cases {
        let message = refusal(&location("aws", config));
        assert!(message.contains(expect), "{message}");
    }
    let eleven = (0..11).map(|n| format!("k{n}=v")).collect::<Vec<_>>().join("&");
    assert!(refusal(&location("aws", &[("tagging", &eleven)])).contains("more than 10"));
    assert!(refusal(&location("aws", &[("tagging", &format!("k={}", "v".repeat(249)))])).contains("248"));
}

#[test]
fn settings_that_change_nothing_are_accepted() {
    let settings = |config: Config| format!("{:?}", s3(config));
    let without = settings(&[]);
    for same in [("signatureVersion", "1"), ("signatureVersion", "4"), ("enableSharedConfig", "true")] {
        assert_eq!(settings(&[same]), without, "{same:?}");
    }
    assert!(refusal(&location("aws", &[("enableSharedConfig", "maybe")])).contains("true or false"));
}

#[test]
fn buckets_and_prefixes_are_trimmed() {
    let place = |bucket: &str, prefix: &str| {
        let location = Location { bucket: bucket.into(), prefix: prefix.into(), ..location("aws", &[]) };
        resolve(&location).map(|resolved| (resolved.bucket, resolved.prefix))
    };
    assert_eq!(place("/b/", "//p/q/").unwrap(), ("b".to_owned(), "p/q".to_owned()));
    assert!(place("b/c", "").unwrap_err().message.contains("use the prefix field"));
    assert!(place("/", "").unwrap_err().message.contains("names no bucket"));
    assert!(place("b", "p/../q").is_err());
    assert_eq!(place("arn:aws:s3::1:accesspoint/x", "").unwrap_err().kind, ErrorKind::Unsupported);
}

#[test]
fn providers_have_their_spellings() {
    for provider in ["aws", "velero.io/aws"] {
        assert!(matches!(resolve(&location(provider, &[])).unwrap().backend, Backend::S3(_)));
    }
    let azure = location("velero.io/azure", &[("storageAccount", "acc")]);
    assert!(matches!(resolve(&azure).unwrap().backend, Backend::Azure(_)));
    assert!(refusal(&location("azure", &[])).contains("no storageAccount"));
    assert!(refusal(&location("gcp", &[])).contains("not JSON"));
    assert!(refusal(&location("", &[])).contains("no provider"));
    assert!(refusal(&location("alibabacloud", &[])).contains("unknown"));
    let mounted = location("salvor.io/filesystem", &[("path", "/locations/a")]);
    assert!(
        matches!(resolve(&mounted).unwrap().backend, Backend::Filesystem { path } if path.ends_with("a"))
    );
    for path in ["", "relative", "/a/../b"] {
        assert!(refusal(&location("salvor.io/filesystem", &[("path", path)])).contains("absolute path"));
    }
}

#[test]
fn the_bucket_stands_where_a_name_can_carry_it() {
    let cases: [(Config, &str, &str); 8] = [
        (&[], "bucket", "https://bucket.s3.us-east-1.amazonaws.com"),
        (&[], "dotted.bucket", "https://s3.us-east-1.amazonaws.com"),
        (&[("s3ForcePathStyle", "true")], "bucket", "https://s3.us-east-1.amazonaws.com"),
        (&[("s3Url", "https://s3.example.com/")], "bucket", "https://bucket.s3.example.com"),
        (
            &[("s3Url", "http://10.0.0.1:9000"), ("s3ForcePathStyle", "false")],
            "bucket",
            "http://10.0.0.1:9000",
        ),
        (&[("s3Url", "http://localhost:9000")], "bucket", "http://localhost:9000"),
        (&[("s3Url", "http://minio.velero.svc:9000")], "bucket", "http://minio.velero.svc:9000"),
        (&[("s3Url", "https://[::1]:9000")], "bucket", "https://[::1]:9000"),
    ];
    for (config, bucket, expect) in cases {
        let location = Location { bucket: bucket.to_owned(), ..location("aws", config) };
        let Backend::S3(settings) = resolve(&location).unwrap().backend else { panic!() };
        assert_eq!(settings.address(settings.endpoint.as_deref(), bucket, "us-east-1"), expect);
    }
}

#[test]
fn credentials_come_from_the_profile_or_the_environment() {
    assert!(matches!(s3(&[]).credentials, Credentials::Static { id, .. } if id == "ID"));
    let role = s3(&[("profile", "role")]);
    assert!(matches!(role.credentials, Credentials::WebIdentity { token_file, .. } if token_file == "/t"));
    assert_eq!(role.region.as_deref(), Some("eu-north-1"));
    let variables = [("AWS_ROLE_ARN", "arn"), ("AWS_REGION", "eu-west-3"), ("HOME", "/")];
    let environment =
        variables.map(|(name, value)| (name.to_owned(), value.to_owned().into())).into_iter().collect();
    let bare = Location { credentials: None, environment, ..location("aws", &[]) };
    let Backend::S3(settings) = resolve(&bare).unwrap().backend else { panic!() };
    assert_eq!(settings.region.as_deref(), Some("eu-west-3"));
    let Credentials::Environment(given) = settings.credentials else { panic!() };
    assert_eq!(given.keys().collect::<Vec<_>>(), ["AWS_ROLE_ARN"]);
}

#[test]
fn nothing_secret_is_shown() {
    let shown = format!("{:?}", resolve(&location("aws", &[])).unwrap());
    assert!(!shown.contains("KEY"), "{shown}");
}

#[test]
fn every_provider_opens() {
    let mut mounted = location("salvor.io/filesystem", &[("path", "/locations/a")]);
    mounted.credentials = None;
    let mut azure = location("azure", &[("storageAccount", "acc"), ("storageAccountKeyEnvVar", "K")]);
    azure.credentials = Some("K=c2VjcmV0\nAZURE_CLOUD_NAME=AzureChinaCloud\n".to_owned().into());
    let key = "[default]\naws_access_key_id=ID\naws_secret_access_key=KEY\n";
    let mut customer = location("aws", &[("customerKeyEncryptionFile", "/k"), ("tagging", "a=b")]);
    customer.credentials = Some(key.to_owned().into());
    customer.customer_key = Some("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=".to_owned().into());
    let mut gcp = location("gcp", &[]);
    gcp.credentials = None;
    let managed =
        location("aws", &[("serverSideEncryption", "AES256"), ("publicUrl", "https://p.example.com")]);
    for (location, signs) in
        [(mounted, false), (azure, true), (customer, false), (gcp, true), (managed, true)]
    {
        let resolved = resolve(&location).unwrap();
        let store = open(&resolved, &Wiring::default()).unwrap();
        assert_eq!(store.capabilities().presign, signs, "{}", location.provider);
    }
}

#[test]
fn a_ca_bundle_has_to_hold_certificates() {
    let location = Location { ca_cert: Some(b"no pem".to_vec()), ..location("aws", &[]) };
    let error = open(&resolve(&location).unwrap(), &Wiring::default()).err().unwrap();
    assert_eq!(error.kind, ErrorKind::Config);
}
