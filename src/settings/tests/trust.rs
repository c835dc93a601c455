//! What a project's file must not do, and what counts for nothing.

use super::*;

/// What becomes of a decision: nothing, or the message and the advice.
fn refusal(dir: &Dir, given: &[(Key, &str)], variables: &[(&str, &str)]) -> Option<String> {
    let error = dir.decide(given, variables).err()?;
    Some(format!("{} -> {}", dir.bare(&error), error.hints().join("; ")))
}

#[test]
fn a_projects_authorities_vouch_for_its_own_servers_alone() {
    let project = "[target.hippo]\nca-cert = \"ca.pem\"\nhippo-url = \"https://project.example.com\"\n";
    let user = "[target.hippo]\nbindle-server = \"https://user.example.com/v1\"\n";
    let other = [("HIPPO_URL", "https://other.example.com")];
    let refused = |address: &str| {
        Some(format!(
            "ca-cert in spin-deploy.toml:2 does not hold for {address}: a project must not lower the safety of its users \
             -> name the authorities to trust there: --ca-cert FILE"
        ))
    };
    let alone = Dir::with(project, "");
    assert_eq!(refusal(&alone, &[], &[]), None);
    assert_eq!(refusal(&alone, &[], &other), refused("HIPPO_URL"));
    assert_eq!(refusal(&alone, &[(Key::BindleServer, "https://x.example.com")], &[]), refused("--bindle-server"));
    assert_eq!(refusal(&alone, &[(Key::CaCert, "mine.pem")], &other), None);
    assert_eq!(refusal(&Dir::with(project, user), &[], &[]), refused("bindle-server in config.toml:2"));
}

#[test]
fn a_secret_of_the_environment_is_not_redirected_by_a_project() {
    let table = |url: &str| format!("[target.hippo]\nhippo-url = \"{url}\"\n");
    let project = table("https://project.example.com");
    let (token, password) = ([("HIPPO_TOKEN", "hunter2")], [("HIPPO_PASSWORD", "hunter2")]);
    let contested = Dir::with(&project, &table("https://user.example.com"));
    let refused = |secret: &str| {
        Some(format!(
            "{secret} is sent neither to hippo-url in spin-deploy.toml:2 nor to hippo-url in config.toml:2: they differ, \
             and a project must not redirect it -> pass --hippo-url URL"
        ))
    };
    assert_eq!(refusal(&contested, &[], &token), refused("HIPPO_TOKEN"));
    assert_eq!(refusal(&contested, &[(Key::HippoUsername, "ada")], &password), refused("HIPPO_PASSWORD"));
    // Nothing of the environment's is sent, or the user says where.
    assert_eq!(refusal(&contested, &[], &[]), None);
    assert_eq!(refusal(&contested, &[(Key::HippoToken, "typed")], &token), None);
    assert_eq!(refusal(&contested, &[(Key::HippoUsername, "ada")], &token), None);
    assert_eq!(refusal(&contested, &[(Key::HippoUrl, "https://project.example.com")], &token), None);
    // A pipeline has no file of its user's, or one that says the same.
    assert_eq!(refusal(&Dir::with(&project, ""), &[], &token), None);
    assert_eq!(refusal(&Dir::with(&project, &table("https://project.example.com/")), &[], &token), None);
}

#[test]
fn a_project_does_not_say_both_the_server_and_the_user_of_a_password() {
    let project = "[target.hippo]\nbindle-server = \"https://project.example.com/v1\"\nbindle-username = \"ada\"\n";
    let (password, username) = (("BINDLE_PASSWORD", "hunter2"), ("BINDLE_USERNAME", "bob"));
    let alone = Dir::with(project, "");
    assert_eq!(
        refusal(&alone, &[], &[password]).unwrap(),
        "BINDLE_PASSWORD is not sent to bindle-server in spin-deploy.toml:2 as bindle-username in spin-deploy.toml:3 \
         says: a project must not choose the user of a password -> pass --bindle-username NAME"
    );
    assert_eq!(refusal(&alone, &[], &[password, username]), None);
    assert_eq!(refusal(&alone, &[(Key::BindlePassword, "typed")], &[]), None);
    assert_eq!(refusal(&alone, &[], &[password, ("BINDLE_URL", "https://mine.example.com/v1")]), None);
    let user = "[target.hippo]\nbindle-server = \"https://project.example.com/v1\"\n";
    assert_eq!(refusal(&Dir::with(project, user), &[], &[password]), None);
}

#[test]
fn a_variable_does_not_contradict_the_target_that_the_command_line_names() {
    let project = "[target.staging]\ndriver = \"hippo\"\nhippo-url = \"https://staging.example.com\"\n";
    let dir = Dir::with(project, "");
    let (named, production) = ([(Key::Target, "staging")], ("HIPPO_URL", "https://production.example.com"));
    assert_eq!(
        refusal(&dir, &named, &[production]).unwrap(),
        "HIPPO_URL is another address than hippo-url in spin-deploy.toml:3, and --target names the target \"staging\" \
         -> unset HIPPO_URL, or pass --hippo-url URL"
    );
    assert_eq!(refusal(&dir, &named, &[("HIPPO_URL", "https://staging.example.com/")]), None);
    assert_eq!(refusal(&dir, &[named[0], (Key::HippoUrl, "https://flag.example.com")], &[production]), None);
    let from_a_variable = dir.decide(&[], &[("SPIN_DEPLOY_TARGET", "staging"), production]).unwrap();
    assert_eq!(from_a_variable.notes.len(), 1);
}

#[test]
fn variables_of_another_driver_count_for_nothing() {
    let variables = [
        ("HIPPO_URL", "garbage"),
        ("HIPPO_TOKEN", "t"),
        ("HIPPO_USERNAME", "ada"),
        ("BINDLE_SERVER_URL", "http://new/v1"),
        ("BINDLE_URL", "http://old/v1"),
    ];
    let local = decide(&[(Key::Target, "local")], &variables).unwrap();
    assert!(local.hippo_url.is_none() && local.credential.is_none() && local.notes.is_empty());
    assert!(decide(&[], &variables).is_err());
    let hippo = decide(&[], &[("SPIN_DEPLOY_LISTEN", "garbage"), ("SPIN_DEPLOY_TIMEOUT", "7")]).unwrap();
    assert_eq!(hippo.timeout.value, Duration::from_secs(7));
    // Flags stay, to be refused.
    assert!(
        decide(&[(Key::Target, "local"), (Key::HippoUrl, "https://x.example.com")], &[]).unwrap().hippo_url.is_some()
    );
}
