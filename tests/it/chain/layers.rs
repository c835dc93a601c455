//! More than one place at once: the higher one counts, and says so; what contradicts itself in one place is refused.

use super::{Arrived, Case, Place, What, World, check, holds, login, succeed};

/// A user of one place with the password of another.
fn mixed(username: Place, password: Place) -> Arrived {
    Arrived::Login { username: username.username().to_owned(), password: password.password() }
}

type Row = (&'static [(Place, What)], i32, Arrived, &'static [&'static str]);

/// What is said where, the exit code, who arrives, and what standard error has to tell.
fn table() -> Vec<Row> {
    use Place::{Environment, Flag, HippoJson, Kept, Project, User};
    use What::{Login, Nothing, Password, Token, Username};
    let nobody = || Arrived::Nobody;
    vec![
        // Of two layers the higher one.
        (&[(Flag, Token), (Environment, Token)], 0, Arrived::Token(Flag), &[]),
        (&[(Flag, Token), (Environment, Login)], 0, Arrived::Token(Flag), &["HIPPO_USERNAME"]),
        (&[(Flag, Token), (Environment, Username)], 0, Arrived::Token(Flag), &["HIPPO_USERNAME"]),
        (&[(Flag, Login), (Environment, Token)], 0, login(Flag), &["HIPPO_TOKEN"]),
        (&[(Flag, Login), (Environment, Login)], 0, login(Flag), &[]),
        (&[(Environment, Token), (Project, Username)], 0, Arrived::Token(Environment), &["spin-deploy.toml:2"]),
        (&[(Environment, Token), (User, Username)], 0, Arrived::Token(Environment), &["config.toml:2"]),
        (&[(Flag, Token), (Project, Username), (User, Username)], 0, Arrived::Token(Flag), &["spin-deploy.toml:2"]),
        // A username and a password may come from two.
        (&[(Flag, Username), (Environment, Password)], 4, mixed(Flag, Environment), &[]),
        (&[(Project, Username), (Environment, Password)], 4, mixed(Project, Environment), &[]),
        (&[(User, Username), (Environment, Password)], 4, mixed(User, Environment), &[]),
        (&[(Project, Username), (User, Username), (Environment, Password)], 4, mixed(Project, Environment), &[]),
        (&[(Environment, Username), (Project, Username), (Flag, Password)], 4, mixed(Environment, Flag), &[]),
        // Half of a login, and nobody to ask.
        (&[(Flag, Username), (Kept, Token)], 4, nobody(), &["HIPPO_PASSWORD", "--hippo-password-stdin"]),
        (&[(Environment, Username), (HippoJson, Token)], 4, nobody(), &["HIPPO_PASSWORD", "HIPPO_USERNAME"]),
        (&[(Environment, Password), (Kept, Token)], 4, nobody(), &["HIPPO_USERNAME"]),
        // One layer contradicts itself.
        (&[(Flag, Token), (Flag, Username)], 2, nobody(), &["--hippo-token", "--hippo-username"]),
        (&[(Flag, Token), (Flag, Login)], 2, nobody(), &["--hippo-token"]),
        (&[(Flag, Token), (Flag, Password)], 2, nobody(), &["--hippo-token", "--hippo-password"]),
        (&[(Environment, Token), (Environment, Username)], 2, nobody(), &["HIPPO_TOKEN", "HIPPO_USERNAME"]),
        (&[(Environment, Token), (Environment, Login)], 2, nobody(), &["HIPPO_TOKEN"]),
        // A file with a secret is refused whatever else there is.
        (&[(Flag, Token), (Project, Token)], 2, nobody(), &["spin-deploy.toml:2", "hippo-token"]),
        (&[(Flag, Token), (User, Login)], 2, nobody(), &["config.toml:3", "hippo-password"]),
        // Ours before theirs; what has run out is passed over.
        (&[(Kept, Token), (HippoJson, Token)], 0, Arrived::Token(Kept), &[]),
        (&[(Kept, Username), (HippoJson, Token)], 0, Arrived::Token(HippoJson), &["hippo.json"]),
        (&[(Kept, Nothing), (HippoJson, Token)], 0, Arrived::Token(HippoJson), &["hippo.json"]),
        (&[(Kept, Username), (HippoJson, Username)], 4, nobody(), &["logins.json", "hippo.json", "ran out at"]),
        (&[(Flag, Token), (Kept, Token), (HippoJson, Token)], 0, Arrived::Token(Flag), &[]),
        (&[(Environment, Login), (Kept, Token)], 0, login(Environment), &[]),
        (&[(Project, Nothing), (User, Nothing), (Kept, Token)], 0, Arrived::Token(Kept), &[]),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn the_higher_place_counts_and_contradictions_are_refused() {
    let world = World::start().await;
    let mut failures = Vec::new();
    for (said, code, arrived, words) in table() {
        let result = case(&world, said, code, arrived, words).await;
        failures.extend(result.err().map(|error| format!("{said:?}: {error}")));
    }
    succeed(failures);
}

async fn case(
    world: &World,
    said: &[(Place, What)],
    code: i32,
    arrived: Arrived,
    words: &[&str],
) -> Result<(), String> {
    let mut case = Case::of(world).await;
    let mut program = case.program(&[]);
    for (place, what) in said {
        program = case.plant(program, *place, *what).await;
    }
    let output = program.run().await;
    check(format!("exit code\n{}", output.stderr), output.code, Some(code))?;
    check("arrived", case.arrived()?, arrived)?;
    words.iter().try_for_each(|word| holds(&output.stderr, word))
}
