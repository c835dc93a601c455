//! Another name at the target, and values of variables from the environment.

use super::{App, Program, Stack, deploy, version};

#[tokio::test(flavor = "multi_thread")]
async fn an_application_under_another_name_stands_beside_the_first() {
    let (app, stack) = (App::new("shop"), Stack::start().await);
    deploy(&app, &stack).await;
    let first = version(&app);
    app.write("static/index.html", "second");
    let named = || Program::deploying(&app, &stack).args(&["--name", "shop-staging"]);
    let output = named().run().await.expect(0);
    assert_eq!(output.stdout, format!("{}\n", stack.hippo.app_url("shop-staging.hippo.localhost")));
    assert!(output.stderr.contains("shop-staging"), "{}", output.stderr);
    assert_eq!(stack.running("shop-staging"), Some(version(&app)));
    assert_eq!(stack.running("shop"), Some(first), "the first one is left alone");
    let storage: Vec<_> = stack.hippo.apps().into_iter().map(|row| (row.name, row.storage_id)).collect();
    let row = |name: &str| (name.to_owned(), "shop".to_owned());
    assert_eq!(storage, [row("shop"), row("shop-staging")], "the package keeps its name");

    let before = stack.contents();
    let again = named().run().await.expect(0);
    assert!(again.stderr.contains("unchanged"), "{}", again.stderr);
    assert_eq!(stack.contents(), before);

    // The very same package, once more.
    Program::deploying(&app, &stack).args(&["--name", "shop-preview"]).run().await.expect(0);
    assert_eq!(stack.running("shop-preview"), Some(version(&app)));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_name_keeps_the_rules_of_the_target() {
    let (app, stack) = (App::new("shop"), Stack::start().await);
    let flag = Program::deploying(&app, &stack).args(&["--name", "my.shop"]).run().await.expect(3);
    assert!(flag.stderr.contains("\"my.shop\", which --name gives, cannot be used"), "{}", flag.stderr);
    let variable = Program::deploying(&app, &stack).env("SPIN_DEPLOY_APP", "-shop").run().await.expect(3);
    assert!(variable.stderr.contains("change SPIN_DEPLOY_APP"), "{}", variable.stderr);
    assert_eq!(stack.sent(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_variable_that_is_not_in_the_environment_is_named() {
    let (app, stack) = (App::new("shop"), Stack::start().await);
    let output = Program::deploying(&app, &stack).args(&["--variable-from-env", "api_key"]).run().await.expect(2);
    assert!(output.stderr.contains("neither api_key nor API_KEY is set in the environment"), "{}", output.stderr);
    assert_eq!(stack.sent(), []);
}
