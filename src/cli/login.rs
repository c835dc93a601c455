//! `login`: asks for what is missing, tries it, and keeps the token.

use std::sync::Arc;

use jiff::Timestamp;
use url::Url;

use crate::auth::chain::{self, ChainError, Keeper};
use crate::auth::{Credential, Given, Login, Prompt, Secret, ServerOrigin, Store, Token};
use crate::event::{Event, LoggedIn, Reporter};
use crate::http::SafeUrl;
use crate::settings::env::Environment;
use crate::settings::{Origin, Setting, Settings};
use crate::target::{Accounts, Admission, Context, ErrorKind, TargetError};
use crate::targets::{Driver, MakeAccounts};

use super::args::LoginArgs;
use super::asking::Inquiry;
use super::credentials::{self, Ask, Logins, Questions, REGISTRY, TARGET, Words};
use super::decide;
use super::deploy::refuse_flags_of_others;
use super::first_contact::{self, Purpose};
use super::watch::Watch;
use super::{ExitCode, Failure, whoami};

/// How often a new password is asked for, until it is typed twice alike.
const ATTEMPTS: usize = 3;

/// Logs in.
pub fn run(args: &LoginArgs, environment: &Environment, watch: &Arc<Watch>) -> Result<Event, Failure> {
    if let Some(method) = args.auth_method.as_deref().filter(|method| *method != "username") {
        return Err(Failure::new(ExitCode::Usage, format!("there is no way to log in by {method:?}"))
            .hint("log in as a user: `spin-deploy login`"));
    }
    if args.status || args.list {
        return whoami::tell(&args.asking, args.list, environment, watch);
    }
    let asking = &args.asking;
    let settings = decide::settings(asking.layer(), &asking.hippo, Some(&asking.project.from), environment, watch)?;
    first_contact::refuse(&settings, Purpose::LogIn)?;
    let driver = settings.driver.value;
    refuse_flags_of_others(&asking.layer(), driver)?;
    let accounts = accounts(driver, &settings)?;
    let logins = Logins::new(&settings);
    let store = logins.store()?;
    let questions = Questions::new(Ask::AtTerminal, &asking.login, environment);
    let inquiry = Inquiry::new()?;
    let entry =
        Entry { settings: &settings, accounts: accounts.as_ref(), logins: &logins, store, questions, inquiry, watch };
    let token = match &settings.credential {
        Some(Setting { value: Given::Token(_), origin }) if args.register => return Err(no_account(origin)),
        Some(Setting { value: Given::Token(token), .. }) => entry.with_token(token)?,
        _ => entry.log_in(&entry.login_of(args.register)?, args.register)?,
    };
    let server = accounts.server();
    store.update(&server.into(), |record| record.token = Some(token.clone()))?;
    let registry = match accounts.registry() {
        Some(url) => entry.registry(url).map_err(half_done)?.then(|| SafeUrl::from(url).to_string()),
        None => None,
    };
    Ok(Event::LoggedIn(Box::new(LoggedIn {
        target: settings.target.value.clone(),
        server: ServerOrigin::from(server).to_string(),
        username: token.username,
        registered: args.register,
        expires: token.expires,
        registry,
        stored: store.place(),
    })))
}

/// The accounts at the target; a target without any needs no login.
pub fn accounts(driver: &Driver, settings: &Settings) -> Result<Box<dyn Accounts>, Failure> {
    Ok(has_accounts(driver, settings)?(&settings.config(None, &Default::default()))?)
}

/// What makes the accounts of a target that has some.
pub fn has_accounts(driver: &Driver, settings: &Settings) -> Result<MakeAccounts, Failure> {
    driver.accounts.ok_or_else(|| {
        let message = format!("the target {} does not ask who you are", settings.target.value);
        Failure::new(ExitCode::Usage, message)
            .hint(format!("deploy to it right away: `spin-deploy --target {}`", settings.target.value))
    })
}

/// A token says who somebody is, not who is to be.
fn no_account(token: &Origin) -> Failure {
    let message = format!("--register makes an account of a username and a password, and {token} is a token");
    Failure::new(ExitCode::Usage, message).hint(format!("leave out {token}"))
}

/// A login under way.
struct Entry<'a> {
    settings: &'a Settings,
    accounts: &'a dyn Accounts,
    logins: &'a Logins,
    store: &'a Store,
    questions: Questions,
    inquiry: Inquiry,
    watch: &'a Arc<Watch>,
}

impl Entry<'_> {
    fn server(&self) -> ServerOrigin {
        self.accounts.server().into()
    }

    /// A token that was given is kept when the server takes it. When it runs out, the server alone knows.
    fn with_token(&self, token: &Secret) -> Result<Token, Failure> {
        let credential = Credential::Token(token.clone());
        self.ask(async |cx| self.accounts.check(cx, &credential).await)?;
        Ok(Token { secret: token.clone(), username: None, expires: None })
    }

    fn login_of(&self, register: bool) -> Result<Login, Failure> {
        match (&self.settings.credential, self.questions.person()) {
            (None | Some(Setting { value: Given::Username(_), .. }), Ok(person)) if register => self.new_login(person),
            _ => self.login(),
        }
    }

    /// Who logs in: what was given, and what a person says to the rest.
    fn login(&self) -> Result<Login, Failure> {
        let server = self.server();
        let login = match (&self.settings.credential, self.questions.person()) {
            (Some(given), person) => {
                let said = credentials::said(given);
                chain::login(&server, &said.given, &said.origin, person)
            }
            (None, Ok(person)) => {
                let kept = self.logins.kept(&server)?.token.and_then(|token| token.username);
                chain::ask_login(&server, kept.as_deref(), person).map_err(ChainError::from)
            }
            (None, Err(mute)) => Err(ChainError::Nobody { server, seen: Vec::new(), mute }),
        };
        login.map_err(|error| not_said(error, &TARGET, self.accounts.server()))
    }

    /// Who is to have an account: a password that nobody sees is typed twice.
    fn new_login(&self, person: &dyn Prompt) -> Result<Login, Failure> {
        let server = self.server();
        let username = match &self.settings.credential {
            Some(Setting { value: Given::Username(username), .. }) => username.clone(),
            _ => person.ask(&format!("New username at {server}"), None)?,
        };
        for _ in 0..ATTEMPTS {
            let password = person.ask_secret(&format!("New password of {username} at {server}"))?;
            if person.ask_secret("The same password again")? == password {
                return Ok(Login { username, password });
            }
        }
        Err(Failure::new(ExitCode::Usage, "the two passwords differ").hint("spin-deploy login --register"))
    }

    fn log_in(&self, login: &Login, register: bool) -> Result<Token, Failure> {
        if register {
            self.register(login)?;
        }
        let token = self.ask(async |cx| self.accounts.log_in(cx, login).await);
        match token {
            // The server has said yes to the account, and does not know it.
            Err(failure) if register && failure.code == ExitCode::Unauthenticated => {
                let hint = format!(
                    "there may be an account whose name differs from {:?} in upper and lower case only: choose another name",
                    login.username
                );
                Err(Failure { hints: vec![hint], ..failure })
            }
            Ok(token) => {
                if token.expires.is_none() {
                    let message = format!("{} does not say when the token runs out", self.server());
                    self.watch.report(Event::Note { message });
                }
                Ok(token)
            }
            refused => refused,
        }
    }

    /// Makes the account; where only administrators may, one who is logged in makes it. Whose token is sent without need
    /// may be hindered by it: a server that does not know its user any more answers nothing but errors.
    fn register(&self, login: &Login) -> Result<(), Failure> {
        let kept = self.logins.kept(&self.server())?.token.filter(|token| token.lasts(Timestamp::now()));
        let by = kept.map(|token| Credential::Token(token.secret));
        let made =
            self.inquiry.ask(self.watch, async |cx| match (self.accounts.register(cx, login, None).await, &by) {
                (Err(error), Some(by)) if error.kind == ErrorKind::PermissionDenied => {
                    self.accounts.register(cx, login, Some(by)).await
                }
                (made, _) => made,
            })?;
        made.map_err(|error| match error.kind {
            // The server has understood, and does not like the name or the password.
            ErrorKind::Rejected => {
                let hint = "choose another username, or another password: `spin-deploy login --register`";
                let (code, hints) = (ExitCode::Usage, vec![hint.to_owned()]);
                Failure { code, hints, ..error.into() }
            }
            _ => error.into(),
        })
    }

    /// Whether the registry takes a login, which is then kept. That it does not ask is fine, too.
    fn registry(&self, url: &Url) -> Result<bool, Failure> {
        let origin = ServerOrigin::from(url);
        let known = match &self.settings.bindle_login {
            Some(given) => {
                let said = credentials::said(given);
                let login = chain::login(&origin, &said.given, &said.origin, self.questions.person());
                Some(login.map_err(|error| not_said(error, &REGISTRY, url))?)
            }
            None => self.logins.kept(&origin)?.login,
        };
        match (self.admission(known.as_ref())?, known, self.questions.person()) {
            (None, ..) | (Some(Admission::Admitted), None, _) => Ok(false),
            (Some(Admission::Admitted), Some(login), _) => self.keep(&origin, login),
            (Some(_), known, Ok(person)) => {
                let default = known.map(|login| login.username);
                let login = chain::ask_login(&origin, default.as_deref(), person);
                let login = login.map_err(|error| not_said(error.into(), &REGISTRY, url))?;
                match self.admission(Some(&login))? {
                    Some(Admission::Admitted) => self.keep(&origin, login),
                    _ => Err(refused(url, &login)),
                }
            }
            (Some(_), Some(login), Err(_)) => Err(refused(url, &login)),
            (Some(_), None, Err(_)) => {
                let message = format!(
                    "the Bindle server at {} wants to know who you are: set BINDLE_USERNAME and BINDLE_PASSWORD",
                    SafeUrl::from(url)
                );
                self.watch.report(Event::Warning { message });
                Ok(false)
            }
        }
    }

    /// How the registry takes a login; `None`: it could not be asked, which harms no login at the target.
    fn admission(&self, login: Option<&Login>) -> Result<Option<Admission>, Failure> {
        match self.inquiry.ask(self.watch, async |cx| self.accounts.check_registry(cx, login).await)? {
            Ok(admission) => Ok(Some(admission)),
            Err(error) => {
                let message = format!("{:#}", anyhow::Error::from(error));
                self.watch.report(Event::Warning { message: format!("could not {message}") });
                Ok(None)
            }
        }
    }

    fn keep(&self, origin: &ServerOrigin, login: Login) -> Result<bool, Failure> {
        self.store.update(origin, |record| record.login = Some(login))?;
        Ok(true)
    }

    fn ask<T>(&self, question: impl AsyncFnOnce(&Context) -> Result<T, TargetError>) -> Result<T, Failure> {
        Ok(self.inquiry.ask(self.watch, question)??)
    }
}

/// The registry comes after the target.
fn half_done(mut failure: Failure) -> Failure {
    failure.causes.push("the login at the target is kept all the same".to_owned());
    failure
}

/// That somebody did not say who they are. To log in is what they were about to do.
fn not_said(error: ChainError, words: &Words, url: &Url) -> Failure {
    let mut failure = credentials::failure(error, words, url);
    failure.hints.retain(|hint| *hint != credentials::login_command(url));
    failure
}

fn refused(url: &Url, login: &Login) -> Failure {
    let message = format!("the Bindle server at {} does not take the login of {}", SafeUrl::from(url), login.username);
    Failure::new(ExitCode::Unauthenticated, message)
        .hint("check BINDLE_USERNAME and BINDLE_PASSWORD, and run the same command again")
}
