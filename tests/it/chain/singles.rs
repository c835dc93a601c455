//! Cases that fit no table.

use axum::http::{HeaderValue, StatusCode, header};
use nix::sys::signal::Signal;
use serde_json::json;

use super::{Arrived, Case, Place, What, World, is_there, login};
use crate::terminal::{Answer, Streams};

/// What `spin login` would have left.
fn config_json(case: &Case<'_>, url: &str, expiration: &str) -> String {
    let token = case.token(Place::HippoJson);
    json!({
        "url": format!("{url}/"), "bindle_url": format!("{}/v1", case.bindle.origin()), "bindle_username": "bindle-user",
        "bindle_password": "bindle-password", "danger_accept_invalid_certs": false, "token": token,
        "expiration": expiration,
    })
    .to_string()
}

const NEVER: &str = "2099-01-01T00:00:00Z";
const LONG_AGO: &str = "2023-01-01T00:00:00Z";

#[tokio::test(flavor = "multi_thread")]
async fn the_login_of_spin_counts_for_its_own_servers() {
    let world = World::start().await;
    let case = Case::of(&world).await;
    case.write(".config/fermyon/config.json", config_json(&case, &case.hippo.origin(), NEVER));
    // Something to upload.
    case.app.write("static/index.html", "second");
    let output = case.program(&[]).run().await.expect(0);
    assert!(output.stderr.contains("fermyon/config.json"), "{}", output.stderr);
    let sent = case.traffic.take();
    // "bindle-user:bindle-password"
    let basic = "Basic YmluZGxlLXVzZXI6YmluZGxlLXBhc3N3b3Jk";
    let (bindle, hippo): (Vec<_>, Vec<_>) = sent.into_iter().partition(|exchange| exchange.server == "bindle");
    assert!(!bindle.is_empty());
    assert!(bindle.iter().all(|exchange| exchange.authorization.as_deref() == Some(basic)), "{bindle:#?}");
    assert_eq!(case.who(&hippo), Ok(Arrived::Token(Place::HippoJson)));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bindle_server_hears_nothing_of_who_we_are_at_hippo() {
    let world = World::start().await;
    for (what, arrived) in [(What::Token, Arrived::Token(Place::Environment)), (What::Login, login(Place::Environment))]
    {
        let mut case = Case::of(&world).await;
        case.app.write("static/index.html", format!("{what:?}"));
        let program = case.program(&[]);
        case.plant(program, Place::Environment, what).await.run().await.expect(0);
        let sent = case.traffic.take();
        let (bindle, hippo): (Vec<_>, Vec<_>) = sent.into_iter().partition(|exchange| exchange.server == "bindle");
        assert!(bindle.len() > 2 && bindle.iter().all(|exchange| exchange.authorization.is_none()), "{bindle:#?}");
        assert_eq!(case.who(&hippo), Ok(arrived));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_login_of_spin_for_another_environment_has_to_be_named() {
    let world = World::start().await;
    let case = Case::of(&world).await;
    case.write(".config/fermyon/staging.json", config_json(&case, &case.hippo.origin(), NEVER));
    case.program(&["whoami"]).run().await.expect(4);
    assert_eq!(case.arrived(), Ok(Arrived::Nobody));
    case.program(&["whoami", "--environment-name", "staging"]).run().await.expect(0);
    assert_eq!(case.arrived(), Ok(Arrived::Token(Place::HippoJson)));
    case.program(&["whoami"]).env("FERMYON_DEPLOYMENT_ENVIRONMENT", "staging").run().await.expect(0);
    assert_eq!(case.arrived(), Ok(Arrived::Token(Place::HippoJson)));
    case.program(&["whoami", "--environment-name", "../fermyon/staging"]).run().await.expect(4);
    assert_eq!(case.arrived(), Ok(Arrived::Nobody));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_left_for_other_servers_or_too_long_ago_is_not_sent() {
    let world = World::start().await;
    let other = "http://127.0.0.1:1";
    for (file, url, expiration, words) in [
        ("fermyon/config.json", other, NEVER, "http://127.0.0.1:1"),
        ("fermyon/config.json", "", LONG_AGO, "ran out at"),
        ("hippo/hippo.json", other, NEVER, "http://127.0.0.1:1"),
        ("hippo/hippo.json", "", LONG_AGO, "ran out at"),
    ] {
        let case = Case::of(&world).await;
        let url = if url.is_empty() { case.hippo.origin() } else { url.to_owned() };
        let content = match file {
            "hippo/hippo.json" => {
                let what = if expiration == NEVER { What::Token } else { What::Username };
                case.hippo_json(what, &url).to_string()
            }
            _ => config_json(&case, &url, expiration),
        };
        case.write(&format!(".config/{file}"), content);
        let output = case.program(&[]).run().await.expect(4);
        assert!(output.stderr.contains(words) && output.stderr.contains(file), "{}", output.stderr);
        assert_eq!(case.arrived(), Ok(Arrived::Nobody), "{file} {url} {expiration}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_files_of_others_are_in_nobodys_way() {
    let world = World::start().await;
    let mut case = Case::of(&world).await;
    let broken = |case: &Case<'_>| {
        case.write(".config/hippo/hippo.json", "{\"token_info\": \"geheim");
        case.write(".config/fermyon/config.json", b"geheim\xff");
    };
    broken(&case);
    let output = case.program(&[]).run().await.expect(4);
    for word in ["hippo.json", "config.json"] {
        assert!(output.stderr.contains(word) && !output.stderr.contains("geheim"), "{}", output.stderr);
    }
    let program = case.program(&[]);
    let program = case.plant(program, Place::Kept, What::Token).await;
    program.run().await.expect(0);
    assert_eq!(case.arrived(), Ok(Arrived::Token(Place::Kept)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_for_one_server_is_not_sent_to_another() {
    let world = World::start().await;
    let mut case = Case::of(&world).await;
    let program = case.program(&["whoami"]);
    case.plant(program, Place::Kept, What::Token).await.run().await.expect(0);
    assert_eq!(case.arrived(), Ok(Arrived::Token(Place::Kept)));
    let port = case.hippo.origin().rsplit_once(':').map(|(_, port)| port.to_owned()).unwrap();
    // The same machine by another name, and another machine's relay.
    let other = Case::of(&world).await;
    for url in [format!("http://localhost:{port}"), format!("http://a.localhost:{port}"), other.hippo.origin()] {
        for command in ["whoami", "deploy"] {
            let output = case.program(&[command]).env("HIPPO_URL", &url).run().await.expect(4);
            assert!(output.stderr.contains(&format!("no login is kept for {url}")), "{}", output.stderr);
            assert_eq!((case.arrived(), other.arrived()), (Ok(Arrived::Nobody), Ok(Arrived::Nobody)), "{url}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_may_name_the_user_whose_login_is_kept() {
    let world = World::start().await;
    for (file, at_home) in [("spin-deploy.toml", false), (".config/spin-deploy/config.toml", true)] {
        for (username, code, arrived) in
            [("kept", 0, Arrived::Token(Place::Kept)), ("project", 4, Arrived::Nobody), ("Kept", 4, Arrived::Nobody)]
        {
            let mut case = Case::of(&world).await;
            let program = case.program(&[]);
            let program = case.plant(program, Place::Kept, What::Token).await;
            let content = super::settings(&[("hippo-username", username)]);
            if at_home {
                case.write(file, content)
            } else {
                case.app.write(file, content)
            }
            program.run().await.expect(code);
            assert_eq!(case.arrived(), Ok(arrived), "{username} in {file}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_takes_no_credential_along() {
    let world = World::start().await;
    let case = Case::of(&world).await;
    for status in [301, 302, 303, 307, 308] {
        let (status, to) = (StatusCode::from_u16(status).unwrap(), case.hippo.origin());
        let router = axum::Router::new().fallback(async move |uri: axum::http::Uri| {
            let location = HeaderValue::from_str(&format!("{to}{uri}")).unwrap();
            (status, [(header::LOCATION, location)])
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let serving = tokio::spawn(async move { axum::serve(listener, router).await });
        let (token, password) = (case.token(Place::Environment), Place::Environment.password());
        for command in [&["whoami"][..], &["deploy"], &["login"], &["login", "--register"], &["doctor"]] {
            let program = || case.program(command).env("HIPPO_URL", &url);
            let by_token = program().env("HIPPO_TOKEN", token).run().await;
            let by_password =
                program().env("HIPPO_USERNAME", "environment").env("HIPPO_PASSWORD", &password).run().await;
            for output in [by_token, by_password] {
                assert!(!matches!(output.code, Some(0) | None), "{command:?} {status}: {output:?}");
            }
            let sent = case.traffic.take();
            let hippo: Vec<_> = sent.iter().filter(|exchange| exchange.server == "hippo").collect();
            assert!(hippo.is_empty(), "{command:?} {status}: {hippo:#?}");
        }
        serving.abort();
    }
    assert!(!is_there(&case.store()), "nothing is kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_do_not_go_over_plain_http_to_other_machines() {
    let world = World::start().await;
    let case = Case::of(&world).await;
    // Its name leads nowhere: with a request, the exit code would be that of the network.
    let url = "http://hippo.invalid";
    for command in ["deploy", "whoami", "login"] {
        let program = || case.program(&[command]).env("HIPPO_URL", url);
        let token = program().env("HIPPO_TOKEN", case.token(Place::Environment)).run().await.expect(2);
        let password = program().env("HIPPO_USERNAME", "a").env("HIPPO_PASSWORD", "b").run().await.expect(2);
        for output in [token, password] {
            assert!(output.stderr.contains("--allow-insecure-credentials"), "{command}: {}", output.stderr);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_at_the_prompt_is_4() {
    let world = World::start().await;
    let case = Case::of(&world).await;
    let dialog = [("Username at ", Answer::Line("typed")), ("Password of typed at ", Answer::Secret("Falsch-1"))];
    for command in ["deploy", "login"] {
        let seen = case.program(&[command]).at_terminal(Streams::Terminal, &dialog).await.expect(4);
        assert!(!seen.transcript.contains("Falsch-1"), "{}", seen.transcript);
        let arrived = Arrived::Login { username: "typed".to_owned(), password: "Falsch-1".to_owned() };
        assert_eq!(case.arrived(), Ok(arrived));
        assert!(!is_there(&case.store()), "nothing is kept");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_asked_where_that_is_forbidden() {
    let world = World::start().await;
    let case = Case::of(&world).await;
    for command in ["deploy", "login"] {
        for (args, variables, words) in [
            (&["--no-input"][..], &[][..], "--no-input"),
            (&[], &[("CI", "true")], "CI"),
            (&[], &[("CI", "1")], "CI"),
            (&["--no-input"], &[("HIPPO_USERNAME", "environment")], "--no-input"),
        ] {
            let program = case.program(&[command]).args(args);
            let program = variables.iter().fold(program, |program, (name, value)| program.env(name, value));
            let seen = program.at_terminal(Streams::Terminal, &[]).await.expect(4);
            assert!(seen.transcript.contains(words) && seen.transcript.contains("HIPPO_PASSWORD"), "{seen:#?}");
            assert_eq!(case.arrived(), Ok(Arrived::Nobody));
        }
    }
    // What says that there is no pipeline forbids nothing.
    let dialog = [("Username at ", Answer::Line("typed")), ("Password of ", Answer::Secret("Geheim-typed"))];
    case.program(&[]).env("CI", "false").at_terminal(Streams::Terminal, &dialog).await.expect(0);
    assert_eq!(case.arrived(), Ok(login(Place::Typed)));
}

#[tokio::test(flavor = "multi_thread")]
async fn standard_input_may_hold_the_secret_whether_there_is_a_terminal_or_not() {
    let world = World::start().await;
    let case = Case::of(&world).await;
    let token = case.token(Place::Environment).to_owned();
    let password = Place::Environment.password();
    let by_password: &[&str] = &["--hippo-username", "environment", "--hippo-password-stdin"];
    for (args, input, arrived) in [
        (&["--hippo-token-stdin"][..], &token, Arrived::Token(Place::Environment)),
        (by_password, &password, login(Place::Environment)),
    ] {
        for command in ["deploy", "whoami", "login"] {
            let input = format!("{input}\n");
            let program = || case.program(&[command]).args(args);
            let seen = program().at_terminal(Streams::Away(input.as_bytes()), &[]).await.expect(0);
            assert_eq!((case.arrived(), seen.transcript.as_str()), (Ok(arrived.clone()), ""), "{command}");
            assert!(!seen.stderr.contains("list of processes"), "{}", seen.stderr);
            case.write("input", &input);
            program().stdin_from(&case.home.path().join("input")).run().await.expect(0);
            assert_eq!(case.arrived(), Ok(arrived.clone()), "{command}");
        }
    }
    // A username that is missing is asked for at the terminal: standard input is no place for it.
    let dialog = [("Username at ", Answer::Line("environment"))];
    let program = case.program(&["deploy", "--hippo-password-stdin"]);
    program.at_terminal(Streams::Away(password.as_bytes()), &dialog).await.expect(0);
    assert_eq!(case.arrived(), Ok(login(Place::Environment)));
}

#[tokio::test(flavor = "multi_thread")]
async fn other_signals_at_a_question_are_130_and_leave_the_terminal_as_it_was() {
    let world = World::start().await;
    let case = Case::of(&world).await;
    for signal in [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGINT] {
        let dialog = [("Username at ", Answer::Line("typed")), ("Password of ", Answer::Signal(signal))];
        let seen = case.program(&["deploy"]).at_terminal(Streams::Terminal, &dialog).await.expect(130);
        assert!(seen.transcript.contains("cancelled"), "{seen:#?}");
        assert_eq!(case.arrived(), Ok(Arrived::Nobody));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_at_a_question_is_130_and_leaves_the_terminal_as_it_was() {
    let world = World::start().await;
    let case = Case::of(&world).await;
    for command in ["deploy", "login"] {
        for dialog in [
            &[("Username at ", Answer::Control('c'))][..],
            &[("Username at ", Answer::Line("typed")), ("Password of ", Answer::ControlInSilence('c'))],
        ] {
            for streams in [Streams::Terminal, Streams::Away(b"")] {
                let seen = case.program(&[command]).at_terminal(streams, dialog).await.expect(130);
                assert!(seen.transcript.contains("cancelled") || seen.stderr.contains("cancelled"), "{seen:#?}");
                assert_eq!(case.arrived(), Ok(Arrived::Nobody));
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_does_not_ask_is_not_told() {
    let world = World::start().await;
    let case = Case::of(&world).await;
    // It is no question of who we are that ends it.
    case.app.write("spin.toml", "spin_manifest_version = 2\n[application\n");
    let local = case.program(&["--target", "local"]).without("HIPPO_URL").without("BINDLE_SERVER_URL");
    local.at_terminal(Streams::Terminal, &[]).await.expect(3);
    assert_eq!(case.arrived(), Ok(Arrived::Nobody));
}
