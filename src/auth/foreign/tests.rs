//! Every shape of file that those programs write, and what happens to others.

use std::fs;

use insta::assert_snapshot;
use tempfile::TempDir;

use super::*;

/// What a file of this content comes to, as text: the login with its secrets, `nothing`, or the error with its hints.
fn shown(result: Result<Option<ForeignLogin>, ForeignError>, config: &TempDir) -> String {
    let text = match result {
        Ok(None) => "nothing".to_owned(),
        Ok(Some(login)) => {
            let token = login.token.map_or("no token".to_owned(), |token| {
                let expires = token.expires.map_or("whenever".to_owned(), |expires| expires.to_string());
                format!("{} of {} until {expires}", token.secret.expose(), token.username.as_deref().unwrap_or("?"))
            });
            let registry = login.registry.map_or("no registry".to_owned(), |(url, login)| {
                format!("{} {}:{}", url, login.username, login.password.expose())
            });
            format!("{}: {token}; {registry} ({})", login.server, login.file.display())
        }
        Err(error) => {
            // Neither form of an error shows what the file holds.
            assert!(!format!("{error:?} {error}").contains("s3cret"), "{error:?}");
            format!("{error} {:?}", error.hints())
        }
    };
    text.replace(&config.path().display().to_string(), "~")
}

fn hippo(content: &str) -> String {
    let config = TempDir::new().unwrap();
    fs::create_dir(config.path().join("hippo")).unwrap();
    fs::write(config.path().join("hippo/hippo.json"), content).unwrap();
    shown(hippo_cli(config.path()), &config)
}

fn spin(content: &str) -> String {
    let config = TempDir::new().unwrap();
    fs::create_dir(config.path().join("fermyon")).unwrap();
    fs::write(config.path().join("fermyon/config.json"), content).unwrap();
    shown(spin_login(config.path(), None), &config)
}

#[test]
fn logins_of_hippo_cli() {
    let table = [
        // As written after a login, and after a logout.
        r#"{"danger_accept_invalid_certs":false,"token_info":{"token":"t0","expiration":"2022-07-08T18:04:36Z"},"username":"bob","url":"http://localhost:5309"}"#,
        r#"{"danger_accept_invalid_certs":false,"token_info":null,"username":"","url":"http://localhost:5309"}"#,
        // What may be missing is missing.
        r#"{"token_info":{"token":"t0"},"url":"http://localhost:5309"}"#,
        r#"{"token_info":{"token":"t0","expiration":null},"username":"","url":"http://localhost:5309"}"#,
        r#"{"token_info":{"expiration":"2022-07-08T18:04:36Z"},"username":"bob","url":"http://localhost:5309"}"#,
        r#"{"token_info":{"token":null},"url":"http://localhost:5309"}"#,
        r#"{"token_info":{"token":""},"url":"http://localhost:5309"}"#,
        r#"{"token_info":{},"url":"http://localhost:5309"}"#,
        r#"{"username":"bob","url":"http://localhost:5309"}"#,
        r#"{}"#,
        // Times that say nothing, and one of another zone.
        r#"{"token_info":{"token":"t0","expiration":""},"url":"http://localhost:5309"}"#,
        r#"{"token_info":{"token":"t0","expiration":"soon"},"url":"http://localhost:5309"}"#,
        r#"{"token_info":{"token":"t0","expiration":"2022-07-08T20:04:36+02:00"},"url":"http://localhost:5309"}"#,
        // More than is known.
        r#"{"token_info":{"token":"t0","more":1},"url":"https://Hippo.example.com/base","danger_accept_invalid_certs":"?","more":[]}"#,
        // Addresses.
        r#"{"token_info":{"token":"t0"},"url":"https://dana:s3cret@hippo.example.com"}"#,
        r#"{"token_info":{"token":"t0"},"url":"s3cret"}"#,
        r#"{"token_info":{"token":"t0"},"url":"file:///s3cret"}"#,
        r#"{"token_info":{"token":"t0"}}"#,
        // Damage.
        "",
        r#"{"token_info":{"token":"s3cr"#,
        r#"{"token_info":"s3cret"}"#,
        "\"s3cret\"",
    ];
    let shown: Vec<_> = table.iter().map(|content| hippo(content)).collect();
    assert_snapshot!(shown.join("\n"), @r#"
    http://localhost:5309/: t0 of bob until 2022-07-08T18:04:36Z; no registry (~/hippo/hippo.json)
    nothing
    http://localhost:5309/: t0 of ? until whenever; no registry (~/hippo/hippo.json)
    http://localhost:5309/: t0 of ? until whenever; no registry (~/hippo/hippo.json)
    nothing
    nothing
    nothing
    nothing
    nothing
    nothing
    http://localhost:5309/: t0 of ? until whenever; no registry (~/hippo/hippo.json)
    http://localhost:5309/: t0 of ? until whenever; no registry (~/hippo/hippo.json)
    http://localhost:5309/: t0 of ? until 2022-07-08T18:04:36Z; no registry (~/hippo/hippo.json)
    https://hippo.example.com/base: t0 of ? until whenever; no registry (~/hippo/hippo.json)
    https://hippo.example.com/: t0 of ? until whenever; no registry (~/hippo/hippo.json)
    could not use the login in ~/hippo/hippo.json: its `url` is no http or https URL ["rm ~/hippo/hippo.json", "spin-deploy login"]
    could not use the login in ~/hippo/hippo.json: its `url` is no http or https URL ["rm ~/hippo/hippo.json", "spin-deploy login"]
    could not use the login in ~/hippo/hippo.json: its `url` is no http or https URL ["rm ~/hippo/hippo.json", "spin-deploy login"]
    could not read the login in ~/hippo/hippo.json: it is damaged at line 1, column 0 ["rm ~/hippo/hippo.json", "spin-deploy login"]
    could not read the login in ~/hippo/hippo.json: it is damaged at line 1, column 28 ["rm ~/hippo/hippo.json", "spin-deploy login"]
    could not read the login in ~/hippo/hippo.json: it is damaged at line 1, column 22 ["rm ~/hippo/hippo.json", "spin-deploy login"]
    could not read the login in ~/hippo/hippo.json: it is damaged at line 1, column 8 ["rm ~/hippo/hippo.json", "spin-deploy login"]
    "#);
}

#[test]
fn logins_of_spin() {
    let table = [
        // Hippo, and Fermyon's cloud.
        r#"{"url":"http://localhost:5309/","bindle_url":"http://localhost:8080/v1","bindle_username":"bob","bindle_password":"pw","danger_accept_invalid_certs":true,"token":"t0","expiration":"2022-07-08T18:04:36Z"}"#,
        r#"{"url":"https://cloud.fermyon.com/","danger_accept_invalid_certs":false,"token":"t0","expiration":"2022-07-08T18:04:36Z"}"#,
        // A Bindle server without a user, or with half a login.
        r#"{"url":"http://localhost:5309/","bindle_url":"http://localhost:8080/v1","bindle_username":null,"bindle_password":null,"token":"t0","expiration":""}"#,
        r#"{"url":"http://localhost:5309/","bindle_url":"http://localhost:8080/v1","bindle_username":"bob","token":"t0","expiration":"2022"}"#,
        r#"{"url":"http://localhost:5309/","bindle_url":"http://localhost:8080/v1","bindle_username":"","bindle_password":"s3cret","token":"t0"}"#,
        r#"{"url":"http://localhost:5309/","bindle_username":"bob","bindle_password":"pw","token":"t0"}"#,
        // Without a token.
        r#"{"url":"http://localhost:5309/","bindle_url":"http://bob:s3cret@localhost:8080/v1","bindle_username":"bob","bindle_password":"pw","token":""}"#,
        r#"{"url":"http://localhost:5309/","bindle_url":"http://localhost:8080/v1","token":"","expiration":""}"#,
        r#"{"url":"http://localhost:5309/","token":null}"#,
        r#"{}"#,
        // Addresses: of Spin 0.6 without the slash, with a user, and none.
        r#"{"url":"http://bob:s3cret@localhost:5309","token":"t0"}"#,
        r#"{"url":"localhost:5309","token":"t0"}"#,
        r#"{"url":"http://localhost:5309/","bindle_url":"s3cret","bindle_username":"bob","bindle_password":"pw","token":"t0"}"#,
        // Damage.
        "{\n  \"url\": \"http://localhost:5309/\",\n  \"token\": [\"s3cret\"]\n}",
        "s3cret",
    ];
    let shown: Vec<_> = table.iter().map(|content| spin(content)).collect();
    assert_snapshot!(shown.join("\n"), @r#"
    http://localhost:5309/: t0 of ? until 2022-07-08T18:04:36Z; http://localhost:8080/v1 bob:pw (~/fermyon/config.json)
    https://cloud.fermyon.com/: t0 of ? until 2022-07-08T18:04:36Z; no registry (~/fermyon/config.json)
    http://localhost:5309/: t0 of ? until whenever; no registry (~/fermyon/config.json)
    http://localhost:5309/: t0 of ? until whenever; no registry (~/fermyon/config.json)
    http://localhost:5309/: t0 of ? until whenever; no registry (~/fermyon/config.json)
    http://localhost:5309/: t0 of ? until whenever; no registry (~/fermyon/config.json)
    http://localhost:5309/: no token; http://localhost:8080/v1 bob:pw (~/fermyon/config.json)
    nothing
    nothing
    nothing
    http://localhost:5309/: t0 of ? until whenever; no registry (~/fermyon/config.json)
    could not use the login in ~/fermyon/config.json: its `url` is no http or https URL ["rm ~/fermyon/config.json", "spin-deploy login"]
    could not use the login in ~/fermyon/config.json: its `bindle_url` is no http or https URL ["rm ~/fermyon/config.json", "spin-deploy login"]
    could not read the login in ~/fermyon/config.json: it is damaged at line 3, column 11 ["rm ~/fermyon/config.json", "spin-deploy login"]
    could not read the login in ~/fermyon/config.json: it is damaged at line 1, column 1 ["rm ~/fermyon/config.json", "spin-deploy login"]
    "#);
}

#[test]
fn what_is_not_there_is_nothing_and_what_cannot_be_read_is_an_error() {
    let config = TempDir::new().unwrap();
    assert_eq!(shown(hippo_cli(config.path()), &config), "nothing");
    assert_eq!(shown(spin_login(config.path(), None), &config), "nothing");
    assert_eq!(shown(spin_login(config.path(), Some("prod")), &config), "nothing");
    assert_eq!(fs::read_dir(config.path()).unwrap().count(), 0);

    fs::create_dir_all(config.path().join("hippo/hippo.json")).unwrap();
    assert_eq!(shown(hippo_cli(config.path()), &config), "could not read ~/hippo/hippo.json []");
}

#[test]
fn environments_of_spin_have_files_of_their_own() {
    let config = TempDir::new().unwrap();
    fs::create_dir(config.path().join("fermyon")).unwrap();
    for name in ["config", "prod", "my staging"] {
        let content = format!(r#"{{"url":"http://localhost:5309/","token":"{name}"}}"#);
        fs::write(config.path().join(format!("fermyon/{name}.json")), content).unwrap();
    }
    let token = |environment| spin_login(config.path(), environment).unwrap().unwrap().token.unwrap();
    assert_eq!(token(None).secret.expose(), "config");
    assert_eq!(token(Some("prod")).secret.expose(), "prod");
    assert_eq!(token(Some("my staging")).secret.expose(), "my staging");
}

#[test]
fn an_environment_does_not_leave_the_directory() {
    let config = TempDir::new().unwrap();
    fs::create_dir(config.path().join("fermyon")).unwrap();
    let login = r#"{"url":"http://localhost:5309/","token":"t0"}"#;
    for outside in ["outside.json", "fermyon/.json", "fermyon/a..b.json"] {
        fs::write(config.path().join(outside), login).unwrap();
    }
    let absolute = config.path().join("outside").display().to_string();
    for name in ["", "..", "../outside", r"..\outside", "a/b", "c:x", "a..b", "a\0b", &absolute] {
        let result = spin_login(config.path(), Some(name));
        assert!(matches!(result, Err(ForeignError::Environment(_))), "{name:?}: {result:?}");
    }
}
