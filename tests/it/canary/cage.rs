//! Where a run is shut in: everything that it can write is looked through afterwards.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::search;
use crate::program::{Output, Program};
use crate::support::app::App;
use crate::terminal::Seen;

/// A place that can hold a secret; each has a secret of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secret {
    TokenVariable,
    TokenFlag,
    TokenStdin,
    PasswordVariable,
    PasswordFlag,
    PasswordStdin,
    Typed,
    BindlePasswordVariable,
    BindlePasswordFlag,
    KeptToken,
    KeptBindlePassword,
    HippoJson,
    SpinToken,
    SpinBindlePassword,
    AppVariable,
    AppVariableFile,
    AppVariableEnvironment,
    SigningKey,
    HippoUserinfo,
    HippoQuery,
    BindleUserinfo,
    BindleQuery,
    ProjectFile,
    UserFile,
    BrokenFile,
    Misused,
}

pub const SECRETS: [Secret; 26] = [
    Secret::TokenVariable,
    Secret::TokenFlag,
    Secret::TokenStdin,
    Secret::PasswordVariable,
    Secret::PasswordFlag,
    Secret::PasswordStdin,
    Secret::Typed,
    Secret::BindlePasswordVariable,
    Secret::BindlePasswordFlag,
    Secret::KeptToken,
    Secret::KeptBindlePassword,
    Secret::HippoJson,
    Secret::SpinToken,
    Secret::SpinBindlePassword,
    Secret::AppVariable,
    Secret::AppVariableFile,
    Secret::AppVariableEnvironment,
    Secret::SigningKey,
    Secret::HippoUserinfo,
    Secret::HippoQuery,
    Secret::BindleUserinfo,
    Secret::BindleQuery,
    Secret::ProjectFile,
    Secret::UserFile,
    Secret::BrokenFile,
    Secret::Misused,
];

impl Secret {
    /// What is looked for: letters and digits alone.
    pub fn stem(self) -> String {
        format!("Kanari{self:?}Q7Q")
    }

    /// The secret itself, with what encodings change.
    pub fn value(self) -> String {
        format!("{}+/=", self.stem())
    }

    /// Whether the file with the kept logins is where it belongs.
    fn is_kept(self) -> bool {
        match self {
            Secret::TokenVariable | Secret::TokenFlag | Secret::TokenStdin | Secret::KeptToken => true,
            Secret::BindlePasswordVariable | Secret::BindlePasswordFlag | Secret::KeptBindlePassword => true,
            Secret::PasswordVariable | Secret::PasswordFlag | Secret::PasswordStdin | Secret::Typed => false,
            Secret::HippoJson | Secret::SpinToken | Secret::SpinBindlePassword => false,
            Secret::AppVariable | Secret::AppVariableFile | Secret::AppVariableEnvironment => false,
            Secret::SigningKey | Secret::ProjectFile | Secret::UserFile | Secret::BrokenFile => false,
            Secret::HippoUserinfo | Secret::HippoQuery | Secret::BindleUserinfo | Secret::BindleQuery => false,
            Secret::Misused => false,
        }
    }
}

type Contents = BTreeMap<PathBuf, Vec<u8>>;

/// A home, a directory for temporary files and an application.
pub struct Cage {
    home: TempDir,
    temporary: TempDir,
    pub app: App,
    /// What real servers took for a secret that cannot be chosen: stems of tokens.
    pub further: Vec<String>,
}

impl Cage {
    pub fn new() -> Cage {
        let temporary = || TempDir::new().expect("a temporary directory can be made");
        Cage { home: temporary(), temporary: temporary(), app: App::new("shop"), further: Vec::new() }
    }

    /// A command that says as much as it can.
    pub fn program(&self, args: &[&str]) -> Program {
        let temporary = self.temporary.path();
        let program = Program::at_home(self.home.path(), self.app.path()).args(args);
        let program = program.env("SPIN_DEPLOY_LOG", "trace").env_os("TMPDIR", temporary.as_ref());
        let program = program.env_os("GITHUB_OUTPUT", temporary.join("output").as_ref());
        program.env_os("GITHUB_STEP_SUMMARY", temporary.join("summary").as_ref())
    }

    /// Names the target that `promote --from elsewhere` takes an application from.
    pub fn know_elsewhere(&self, hippo: &str, bindle: &str, app_url: &str) {
        let target = format!("hippo-url = \"{hippo}\"\nbindle-server = \"{bindle}/v1\"\napp-url = \"{app_url}\"\n");
        self.app.write("spin-deploy.toml", format!("[target.elsewhere]\ndriver = \"hippo\"\n{target}"));
    }

    /// A path in the home.
    pub fn at_home(&self, path: &str) -> PathBuf {
        self.home.path().join(path)
    }

    /// Writes a file into the home, for its owner alone.
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        use std::os::unix::fs::PermissionsExt;
        let path = self.at_home(path);
        let parent = path.parent().expect("it lies below the home");
        std::fs::create_dir_all(parent).unwrap();
        std::fs::set_permissions(parent, std::fs::Permissions::from_mode(0o700)).unwrap();
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// Everything that is there before a run.
    pub fn contents(&self) -> Contents {
        let mut contents = Contents::new();
        for root in [self.home.path(), self.temporary.path(), self.app.path()] {
            read_below(root, &mut contents);
        }
        contents
    }

    /// Runs a program and says which secrets got out, and whether it ended as programs should.
    pub async fn watch(&self, program: Program) -> (Option<i32>, Vec<String>) {
        let before = self.contents();
        let Output { code, stdout, stderr } = program.run().await;
        (code, self.leaks(&before, &[("standard output", &stdout), ("standard error", &stderr)]))
    }

    /// Which secrets got out in a run at a terminal.
    pub fn leaks_at_terminal(&self, before: &Contents, seen: &Seen) -> Vec<String> {
        let Seen { transcript, stdout, stderr, .. } = seen;
        self.leaks(before, &[("the terminal", transcript), ("standard output", stdout), ("standard error", stderr)])
    }

    fn leaks(&self, before: &Contents, shown: &[(&str, &String)]) -> Vec<String> {
        let shown = shown.iter().map(|(place, text)| ((*place).to_owned(), text.as_bytes().to_vec(), false));
        let written = self.contents().into_iter().filter(|(path, content)| before.get(path) != Some(content));
        let written = written.map(|(path, content)| {
            let store = path.ends_with("spin-deploy/credentials/logins.json");
            (path.display().to_string(), content, store)
        });
        let places: Vec<(String, Vec<u8>, bool)> = shown.chain(written).collect();
        places.iter().flat_map(|(place, content, store)| self.leaks_in(place, content, *store)).collect()
    }

    fn leaks_in(&self, place: &str, content: &[u8], store: bool) -> Vec<String> {
        let known = SECRETS.into_iter().filter(|secret| !(store && secret.is_kept()));
        let known = known.map(|secret| (format!("{secret:?}"), secret.stem()));
        let further = self.further.iter().filter(|_| !store).map(|stem| ("a real one".to_owned(), stem.clone()));
        let found = known.chain(further).filter_map(|(name, stem)| {
            let form = search::found(content, &stem)?;
            Some(format!("{name} ({form}) in {place}:\n{}", String::from_utf8_lossy(content)))
        });
        found.collect()
    }
}

fn read_below(folder: &Path, contents: &mut Contents) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.path() {
            path if path.is_dir() => read_below(&path, contents),
            path => {
                let content = std::fs::read(&path).unwrap_or_default();
                contents.insert(path, content);
            }
        }
    }
}

#[tokio::test]
async fn what_gets_out_is_noticed_wherever_it_goes() {
    let cage = Cage::new();
    let (token, password) = (Secret::TokenVariable, Secret::PasswordVariable);
    let program = cage.program(&[]).env("T", &token.value()).env("P", &password.value());
    let places = ["standard output", "standard error", ".cache/x", "left.tmp", "spin.toml"];
    for (script, place) in [
        ("echo $T", places[0]),
        ("echo x$T >&2", places[1]),
        ("mkdir -p $HOME/.cache; echo $T >$HOME/.cache/x", places[2]),
        ("printf %s $T >$TMPDIR/left.tmp", places[3]),
        ("echo $T >>spin.toml", places[4]),
    ] {
        let (code, leaks) = cage.watch(program.instead(script)).await;
        assert!(code == Some(0) && leaks.len() == 1, "{script}: {leaks:#?}");
        assert!(leaks[0].starts_with("TokenVariable (plain) in ") && leaks[0].contains(place), "{leaks:#?}");
    }
    // Where it belongs a token is no leak, but a password is.
    let store = "mkdir -p $HOME/spin-deploy/credentials; echo $T $P >$HOME/spin-deploy/credentials/logins.json";
    let (_, leaks) = cage.watch(program.instead(store)).await;
    assert!(leaks.len() == 1 && leaks[0].starts_with("PasswordVariable (plain)"), "{leaks:#?}");
    // What was there before is none of the run's business.
    assert_eq!(cage.watch(program.instead("cat /dev/null")).await.1, Vec::<String>::new());
}
