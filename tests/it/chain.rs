//! Who the real program is: every place that can hold a credential, alone and in company, with a person at a terminal
//! and without. What counts is what arrives at the servers.

mod crowd;
mod layers;
mod singles;
mod table;

use std::fmt::Display;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::program::Program;
use crate::support::app::App;
use crate::support::bindle::{BindleServer, Generation};
use crate::support::hippo::FakeHippo;
use crate::support::traffic::{Exchange, Relay, Traffic};

/// A place that can say who we are. A user of each one's name is known to Hippo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Flag,
    Environment,
    /// `spin-deploy.toml` beside the application.
    Project,
    /// `config.toml` of the user.
    User,
    /// What `spin-deploy login` has kept.
    Kept,
    /// What hippo-cli has kept.
    HippoJson,
    /// A person's answers.
    Typed,
}

const PLACES: [Place; 7] =
    [Place::Flag, Place::Environment, Place::Project, Place::User, Place::Kept, Place::HippoJson, Place::Typed];

impl Place {
    fn username(self) -> &'static str {
        match self {
            Place::Flag => "flag",
            Place::Environment => "environment",
            Place::Project => "project",
            Place::User => "user",
            Place::Kept => "kept",
            Place::HippoJson => "hippo-json",
            Place::Typed => "typed",
        }
    }

    fn password(self) -> String {
        format!("Geheim-{}", self.username())
    }
}

/// What a place says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Token,
    Login,
    Username,
    Password,
    /// It is there, and says nothing of who we are.
    Nothing,
}

/// Who arrived at Hippo.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Arrived {
    /// Neither server was asked anything.
    Nobody,
    /// The token of this place, with every request but those that need none.
    Token(Place),
    /// Somebody who asked for a token, once, and then used that.
    Login { username: String, password: String },
}

/// A Hippo with a user for every place, and an application that is live already: another deploy finds that out, and ends.
struct World {
    bindle: BindleServer,
    hippo: FakeHippo,
}

impl World {
    async fn start() -> World {
        let bindle = BindleServer::builder(Generation::V0_8).start();
        let users = PLACES.iter().fold(FakeHippo::builder().bindle(bindle.url()), |builder, place| {
            builder.user(place.username(), &place.password())
        });
        let hippo = users.start().await.expect("there are free ports");
        let world = World { bindle, hippo };
        let case = Case::of(&world).await;
        let place = Place::Environment;
        let program =
            case.program(&[]).env("HIPPO_USERNAME", place.username()).env("HIPPO_PASSWORD", &place.password());
        program.run().await.expect(0);
        world
    }
}

/// A person's home, an application and the way to the servers: all that one run can see and change.
struct Case<'a> {
    world: &'a World,
    home: TempDir,
    app: App,
    traffic: Traffic,
    hippo: Relay,
    bindle: Relay,
    /// Whose each token is.
    tokens: Vec<(String, Place)>,
}

impl Case<'_> {
    async fn of(world: &World) -> Case<'_> {
        let traffic = Traffic::default();
        let hippo = Relay::start("hippo", world.hippo.url(), &traffic).await;
        let bindle = Relay::start("bindle", world.bindle.url().trim_end_matches("/v1"), &traffic).await;
        let home = TempDir::new().expect("a temporary directory can be made");
        let tokens = PLACES.iter().map(|place| (world.hippo.token_of(place.username()), *place)).collect();
        Case { world, home, app: App::new("shop"), traffic, hippo, bindle, tokens }
    }

    /// A command that knows where the servers are.
    fn program(&self, args: &[&str]) -> Program {
        Program::at_home(self.home.path(), self.app.path())
            .args(args)
            .env("HIPPO_URL", &self.hippo.origin())
            .env("BINDLE_SERVER_URL", &format!("{}/v1", self.bindle.origin()))
            .env("SPIN_DEPLOY_APP_URL", &format!("http://{{domain}}:{}", self.world.hippo.apps_port()))
    }

    fn token(&self, place: Place) -> &str {
        let token = self.tokens.iter().find(|(_, other)| *other == place);
        token.map(|(token, _)| token.as_str()).expect("each place has a token")
    }

    /// Lets a place say something, and a program know what it has to be told directly.
    async fn plant(&mut self, program: Program, place: Place, what: What) -> Program {
        let (token, password) = (self.token(place).to_owned(), place.password());
        let (token, password) = (token.as_str(), password.as_str());
        let username = place.username();
        let said: Vec<(&str, &str)> = match what {
            What::Token => vec![("hippo-token", token)],
            What::Login => vec![("hippo-username", username), ("hippo-password", password)],
            What::Username => vec![("hippo-username", username)],
            What::Password => vec![("hippo-password", password)],
            What::Nothing => vec![("channel", "spin-deploy")],
        };
        match place {
            Place::Flag => {
                said.iter().fold(program, |program, (key, value)| program.args(&[&format!("--{key}"), value]))
            }
            Place::Environment => said.iter().fold(program, |program, (key, value)| {
                let variable = key.replace('-', "_").to_uppercase();
                program.env(if variable == "CHANNEL" { "SPIN_DEPLOY_CHANNEL" } else { &variable }, value)
            }),
            Place::Project => {
                self.app.write("spin-deploy.toml", settings(&said));
                program
            }
            Place::User => {
                self.write(".config/spin-deploy/config.toml", settings(&said));
                program
            }
            Place::Kept => {
                self.keep(what).await;
                program
            }
            Place::HippoJson => {
                self.write(".config/hippo/hippo.json", self.hippo_json(what, &self.hippo.origin()).to_string());
                program
            }
            Place::Typed => unreachable!("a person is no place to plant something in"),
        }
    }

    /// Writes a file into the home.
    fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.home.path().join(path);
        std::fs::create_dir_all(path.parent().expect("it lies below the home")).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// Where logins are kept.
    fn store(&self) -> PathBuf {
        self.home.path().join(".local/share/spin-deploy/credentials/logins.json")
    }

    /// Logs in, and changes what is kept into what the case needs.
    async fn keep(&mut self, what: What) {
        let place = Place::Kept;
        let login = self.program(&["login"]).env("HIPPO_USERNAME", place.username());
        login.env("HIPPO_PASSWORD", &place.password()).run().await.expect(0);
        self.traffic.take();
        let mut kept: Value = serde_json::from_slice(&std::fs::read(self.store()).unwrap()).unwrap();
        let record = &mut kept["servers"][self.hippo.origin()];
        let token = record["token"]["token"].as_str().expect("the login is kept").to_owned();
        self.tokens.push((token, place));
        match what {
            What::Token => {}
            What::Username => record["token"]["expires"] = json!("2026-01-01T00:00:00Z"),
            What::Login | What::Password => {
                *record = json!({ "login": { "username": place.username(), "password": place.password() } });
            }
            What::Nothing => *record = json!({}),
        }
        // The file keeps its mode.
        std::fs::write(self.store(), kept.to_string()).unwrap();
    }

    /// What hippo-cli would have left for a server.
    fn hippo_json(&self, what: What, url: &str) -> Value {
        let (username, token) = (Place::HippoJson.username(), self.token(Place::HippoJson));
        let file = |token: Value, username: &str| {
            json!({
                "danger_accept_invalid_certs": true, "token_info": token, "username": username, "url": url,
            })
        };
        let token = |expiration: &str| json!({ "token": token, "expiration": expiration });
        match what {
            What::Token => file(token("2099-01-01T00:00:00Z"), username),
            What::Username => file(token("2026-01-01T00:00:00Z"), username),
            What::Login | What::Password => {
                let mut file = file(Value::Null, username);
                file["password"] = Place::HippoJson.password().into();
                file
            }
            What::Nothing => file(Value::Null, ""),
        }
    }

    /// Who arrived at the servers since the last look. Hippo's credentials are nothing for the Bindle server.
    fn arrived(&self) -> Result<Arrived, String> {
        let sent = self.traffic.take();
        let strays = sent.iter().filter(|exchange| exchange.server == "bindle" && exchange.authorization.is_some());
        if strays.count() > 0 {
            return Err(format!("somebody at Bindle: {}", told(&sent)));
        }
        self.who(&sent)
    }

    fn who(&self, sent: &[Exchange]) -> Result<Arrived, String> {
        let logins: Vec<&Exchange> = sent.iter().filter(|exchange| exchange.path == "/api/auth-tokens").collect();
        let mut bearers: Vec<&str> = sent.iter().filter_map(|exchange| exchange.authorization.as_deref()).collect();
        bearers.sort_unstable();
        bearers.dedup();
        let planted = bearers.iter().find_map(|bearer| {
            self.tokens.iter().find(|(token, _)| *bearer == format!("Bearer {token}")).map(|(_, place)| *place)
        });
        match (logins.as_slice(), bearers.as_slice(), planted) {
            ([], [], _) if sent.is_empty() => Ok(Arrived::Nobody),
            ([], [_], Some(place)) => Ok(Arrived::Token(place)),
            ([login], [_] | [], None) => {
                let body: Value = serde_json::from_slice(&login.body).map_err(|error| error.to_string())?;
                let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
                Ok(Arrived::Login { username: text("userName"), password: text("password") })
            }
            _ => Err(format!("this is neither of: nobody, one token, one login:\n{}", told(sent))),
        }
    }
}

/// A login of a place, as it arrives.
fn login(place: Place) -> Arrived {
    Arrived::Login { username: place.username().to_owned(), password: place.password() }
}

/// A table of a configuration file. The first thing that is said stands on its second line.
fn settings(said: &[(&str, &str)]) -> String {
    let lines = said.iter().map(|(key, value)| format!("{key} = \"{value}\"\n"));
    format!("[target.hippo]\n{}", lines.collect::<String>())
}

fn told(sent: &[Exchange]) -> String {
    let line = |exchange: &Exchange| {
        let body = String::from_utf8_lossy(&exchange.body);
        format!("{exchange} {:?} {body}", exchange.authorization)
    };
    sent.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Says what differs.
fn check<T: PartialEq + std::fmt::Debug>(what: impl Display, is: T, should: T) -> Result<(), String> {
    if is == should { Ok(()) } else { Err(format!("{what}: {is:?} and not {should:?}")) }
}

/// That a text holds these words.
fn holds(text: &str, words: &str) -> Result<(), String> {
    if text.contains(words) { Ok(()) } else { Err(format!("{words:?} is not in:\n{text}")) }
}

/// Panics, showing all failures of a table.
#[track_caller]
fn succeed(failures: Vec<String>) {
    assert!(failures.is_empty(), "{} cases:\n\n{}", failures.len(), failures.join("\n\n"));
}

/// Whether there is anything at a path.
fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}
