//! Bad input: each with its exit code and a message that says where, why, and what to do.

use super::{App, Program, Stack, assert_live, deploy};

/// Changes the application, deploys, and expects 3 with these words on stderr, nothing sent, and then convergence.
async fn refuses(change: impl Fn(&App), words: &[&str]) {
    let (app, stack) = (App::new("shop"), Stack::start().await);
    change(&app);
    let output = Program::deploying(&app, &stack).run().await.expect(3);
    for word in words {
        assert!(output.stderr.contains(word), "{word:?} is not in:\n{}", output.stderr);
    }
    assert_eq!(stack.sent(), []);
    assert_eq!(output.stdout, "");
    let mended = App::new("shop");
    deploy(&mended, &stack).await;
    assert_live(&mended, &stack);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_manifest() {
    refuses(|app| std::fs::remove_file(app.path().join("spin.toml")).expect("it is there"), &["spin.toml"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_that_is_no_toml() {
    refuses(|app| app.write("spin.toml", "spin_manifest_version = 2\n[application\n"), &["spin.toml:2"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_that_is_no_text() {
    refuses(|app| app.write("spin.toml", b"\xff\xfe"), &["spin.toml", "UTF-8"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_of_an_unknown_version() {
    refuses(|app| app.write("spin.toml", "spin_manifest_version = 3\n"), &["spin.toml:1", "spin_manifest_version"])
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_module() {
    let remove = |app: &App| std::fs::remove_file(app.path().join("web.wasm")).expect("it is there");
    refuses(remove, &["spin.toml:13", "component.web.source", "web.wasm", "spin build"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_module_that_is_no_wasm() {
    refuses(|app| app.write("web.wasm", "#!/bin/sh\n"), &["web.wasm", "WebAssembly"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_where_only_modules_run() {
    refuses(|app| app.write("web.wasm", b"\0asm\x0d\0\x01\0"), &["E8", "web.wasm", "component"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_glob() {
    let remove = |app: &App| std::fs::remove_dir_all(app.path().join("static")).expect("it is there");
    refuses(remove, &["spin.toml:14", "component.web.files", "static/**/*"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_whose_default_domain_hippo_would_refuse_later() {
    for name in ["my_app_", "a--b"] {
        let (app, stack) = (App::new(name), Stack::start().await);
        let output = Program::deploying(&app, &stack).run().await.expect(3);
        assert!(output.stderr.contains("--domain"), "{}", output.stderr);
        assert_eq!(stack.sent(), []);
        Program::deploying(&app, &stack).args(&["--domain", "fine.example.localhost"]).run().await.expect(0);
        assert_live(&app, &stack);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_no_bindle_can_have() {
    let (app, stack) = (App::new("my.shop"), Stack::start().await);
    let output = Program::deploying(&app, &stack).run().await.expect(3);
    assert!(output.stderr.contains("E12") && output.stderr.contains("my.shop"), "{}", output.stderr);
    assert_eq!(stack.sent(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_without_room() {
    let (app, stack) = (App::new("shop"), Stack::start().await);
    // Too large to be kept in memory, and nowhere to put a copy.
    app.write("static/large.bin", vec![7; 3 * 1024 * 1024]);
    let nowhere = app.path().join("nowhere").display().to_string();
    let output = Program::deploying(&app, &stack).env("TMPDIR", &nowhere).run().await.expect(6);
    assert!(output.stderr.contains("large.bin") && output.stderr.contains("TMPDIR"), "{}", output.stderr);
    assert_eq!(stack.hippo.apps().len(), 0, "nothing is released");
    deploy(&app, &stack).await;
    assert_live(&app, &stack);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_given_by_url_is_downloaded_and_checked() {
    let (app, stack) = (App::new("shop"), Stack::start().await);
    let module = std::fs::read(app.path().join("web.wasm")).expect("it is there");
    let digest = format!("{:x}", sha2::Digest::finalize(<sha2::Sha256 as sha2::Digest>::new_with_prefix(&module)));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("there is a free port");
    let address = listener.local_addr().expect("a listener has an address");
    let router = axum::Router::new().route("/web.wasm", axum::routing::get(async move || module));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let sourced = |digest: &str| {
        let manifest = std::fs::read_to_string(app.path().join("spin.toml")).expect("it is there");
        let from = manifest.lines().find(|line| line.starts_with("source")).expect("there is a source").to_owned();
        let to = format!("source = {{ url = \"http://{address}/web.wasm\", digest = \"sha256:{digest}\" }}");
        app.write("spin.toml", manifest.replace(&from, &to));
    };

    sourced(&"0".repeat(64));
    let output = Program::deploying(&app, &stack).run().await.expect(3);
    assert!(output.stderr.contains(&digest) && output.stderr.contains("spin.toml:12"), "{}", output.stderr);
    assert_eq!(stack.sent(), []);

    sourced(&digest);
    let output = deploy(&app, &stack).await;
    assert_eq!(output.stdout, format!("{}\n", stack.hippo.app_url("shop.hippo.localhost")));
    assert!(stack.running("shop").is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_that_cannot_be_meant() {
    let (app, stack) = (App::new("shop"), Stack::start().await);
    for (url, words) in [
        ("", "--hippo-url"),
        ("hippo.example.com", "https://hippo.example.com"),
        ("ftp://hippo.example.com", "HIPPO_URL"),
        ("http://hippo.example.com/?a=b", "query"),
        ("http://hippo.example.com/#a", "fragment"),
        ("http://dana:geheim@hippo.example.com/", "HIPPO_URL"),
    ] {
        let output = Program::deploying(&app, &stack).env("HIPPO_URL", url).run().await.expect(2);
        assert!(output.stderr.contains(words), "{url}: {}", output.stderr);
        assert!(!output.stderr.contains("geheim"), "{}", output.stderr);
        assert_eq!(stack.sent(), []);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_target_is_a_usage_error_that_lists_the_known_ones() {
    let (app, stack) = (App::new("shop"), Stack::start().await);
    let output = Program::deploying(&app, &stack).env("SPIN_DEPLOY_TARGET", "hipo").run().await.expect(2);
    assert!(output.stderr.contains("hippo (Hippo on Nomad"), "{}", output.stderr);
}
