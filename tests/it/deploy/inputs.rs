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
