//! Hippo: a PaaS on Nomad that runs bindles. Facts: `deislabs/hippo src/Web/Api@v0.20.2`.
//!
//! `changes.rs` decides, without I/O; `observe.rs` reads what there is; `release.rs` does it. `client.rs` has the typed
//! calls, `session.rs` the credential, `api.rs` the wire, `fault.rs` what failures mean, `readiness.rs` the look at the
//! application itself, `status.rs` what that and the platform say together, `layer.rs` what keeps it from answering. `logs.rs`, `history.rs`, `removal.rs` and
//! `retrieval.rs` are the optional powers.

mod accounts;
mod api;
mod app_url;
mod changes;
mod client;
mod examine;
mod fault;
mod history;
mod layer;
mod logs;
mod names;
mod observe;
mod readiness;
mod release;
mod removal;
mod retrieval;
mod session;
mod status;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use anyhow::anyhow;
use tokio::sync::OnceCell;
use url::Url;

pub use self::accounts::accounts;
pub use self::examine::examine;

use self::api::Channel;
use self::app_url::{AppUrl, plain};
use self::changes::{State, Wish};
use self::client::Hippo;
use self::observe::Observer;
use self::readiness::Sight;
use self::release::Releasing;
use self::status::judge;
use crate::auth::{Credential, Login};
use crate::http::{self, Client, is_loopback};
use crate::package::{Format, Package, PackageId};
use crate::registry::bindle::{BindleRegistry, RegistryError};
use crate::target::{
    AppName, Artifact, Capabilities, Checked, Context, ErrorKind, History, Logs, Look, Missing, Plan, Release,
    ReleaseId, Removal, Retrieval, Status, Target, TargetError, TargetInfo,
};
use crate::targets;

/// What a Hippo target is made from. All optional here; `connect` says what is missing.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// Hippo's address; a path is kept as a prefix.
    pub url: Option<Url>,
    /// Who we are at Hippo.
    pub credential: Option<Credential>,
    /// The Bindle server's address, with its `/v1`.
    pub bindle_url: Option<Url>,
    /// Who we are at the Bindle server, where it asks.
    pub bindle_login: Option<Login>,
    /// The file with the key that signs invoices (`docs/targets/hippo.md`).
    pub signing_key: Option<PathBuf>,
    /// The channel to deploy to.
    pub channel: String,
    /// The channel's domain; `None`: what the channel has, or Hippo's default.
    pub domain: Option<String>,
    /// How a channel's domain becomes the application's URL: `{domain}` stands for the domain. `None`: Hippo's scheme
    /// and the domain.
    pub app_url: Option<String>,
}

/// Makes a target; no request is sent.
pub fn connect(config: &targets::Config) -> Result<Box<dyn Target>, TargetError> {
    Ok(Box::new(HippoTarget::new(config)?))
}

/// A Hippo and the Bindle server that it reads.
#[derive(Debug)]
struct HippoTarget {
    info: TargetInfo,
    capabilities: Capabilities,
    http: Client,
    hippo: Hippo,
    app_url: AppUrl,
    channel: String,
    domain: Option<String>,
    bindle: Bindle,
    /// What `plan` saw last, for the `release` that follows it.
    seen: Mutex<Option<(Wish, State)>>,
    /// The names of the packages that were made live here, by application: what answers calls itself so.
    packages: Mutex<BTreeMap<AppName, String>>,
}

/// The Bindle server, and what is needed to speak to it. Its key is read when something is uploaded.
#[derive(Debug)]
struct Bindle {
    url: Url,
    login: Option<Login>,
    signing_key: Option<PathBuf>,
    registry: OnceCell<BindleRegistry>,
}

impl HippoTarget {
    fn new(config: &targets::Config) -> Result<HippoTarget, TargetError> {
        let settings = &config.hippo;
        let (Some(url), Some(bindle_url)) = (&settings.url, &settings.bindle_url) else {
            return Err(missing_address(settings));
        };
        check_scheme(url, "--hippo-url")?;
        check_scheme(bindle_url, "--bindle-server")?;
        let app_url = check_names(settings)?.unwrap_or_else(|| AppUrl::with_scheme(url.scheme()));
        check_readability(url, &config.http)?;
        let http = http_client(&config.http)?;
        // Last, so that nobody is asked for one while something else is wrong.
        let credential = settings.credential.clone().ok_or_else(missing_credential)?;
        let hippo = Hippo::new(http.clone(), url.clone(), Some(credential));
        Ok(HippoTarget {
            info: TargetInfo { name: config.name_or("hippo"), driver: "hippo", endpoint: hippo.endpoint() },
            capabilities: Capabilities {
                format: Format::Bindle,
                name_rules: names::app_rules(settings.domain.is_some()),
                max_version_length: names::MAX_VERSION_LENGTH,
            },
            http,
            hippo,
            app_url,
            channel: settings.channel.clone(),
            domain: settings.domain.clone(),
            bindle: Bindle {
                url: bindle_url.clone(),
                login: settings.bindle_login.clone(),
                signing_key: settings.signing_key.clone(),
                registry: OnceCell::new(),
            },
            seen: Mutex::new(None),
            packages: Mutex::default(),
        })
    }

    fn wish(&self, app: &AppName, package: &PackageId) -> Wish {
        Wish {
            app: app.0.clone(),
            storage_id: package.name.clone(),
            version: package.version.to_string(),
            channel: self.channel.clone(),
            domain: self.domain.clone(),
        }
    }

    fn observer<'a>(&'a self, wish: &'a Wish) -> Observer<'a> {
        Observer { hippo: &self.hippo, http: &self.http, app_url: &self.app_url, wish }
    }

    async fn registry(&self) -> Result<&BindleRegistry, RegistryError> {
        let Bindle { url, login, signing_key, registry } = &self.bindle;
        let connect = || BindleRegistry::new(url.clone(), self.http.clone(), login.clone(), signing_key.as_deref());
        registry.get_or_try_init(connect).await
    }

    /// Remembers what a plan saw.
    fn remember(&self, wish: Wish, state: State) {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some((wish, state));
    }

    /// What the last plan saw, if it had the same wish. Good for one release only.
    fn recall(&self, wish: &Wish) -> Option<State> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        (seen.0 == *wish).then_some(seen.1)
    }

    /// Remembers what an application will call itself.
    fn call_it(&self, app: &AppName, package: &str) {
        self.packages.lock().unwrap_or_else(PoisonError::into_inner).insert(app.clone(), package.to_owned());
    }

    /// What the application calls itself when it is asked: its package's name, which is its own where nobody chose
    /// another one.
    fn answers_as(&self, app: &AppName) -> String {
        let packages = self.packages.lock().unwrap_or_else(PoisonError::into_inner);
        packages.get(app).unwrap_or(&app.0).clone()
    }

    /// The release that a look showed.
    fn current(&self, state: &State) -> Option<Release> {
        let channel = state.as_ref()?.channel.as_ref()?;
        let version = match &channel.sight {
            Some(Sight::Version(version)) => version.clone(),
            _ => channel.version.clone()?,
        };
        let domain = channel.record.as_ref().map(|record| record.domain.as_str());
        Some(self.release_of(&version, domain.unwrap_or_default()))
    }

    /// A version that is live, or should be, in a channel of that domain.
    fn release_of(&self, version: &str, domain: &str) -> Release {
        let url = self.app_url.of(domain).as_ref().map(plain);
        Release { id: ReleaseId(version.to_owned()), version: version.to_owned(), url, changes: Vec::new() }
    }

    /// The channel of an application and the name of its package, whatever that is; `None`: there is no such app or
    /// channel.
    async fn find_channel(&self, cx: &Context, app: &AppName) -> Result<Option<(Channel, String)>, TargetError> {
        let operation = || format!("look up app {app}");
        let apps = self.hippo.apps(cx, &app.0).await.map_err(|error| self.hippo.fail_first(operation(), error))?;
        let several = |several| fault::several(several, operation());
        let Some(found) = changes::find_app(&apps, &app.0).map_err(several)? else { return Ok(None) };
        let Some(channel) = changes::find_channel(found, &self.channel).map_err(several)? else { return Ok(None) };
        match self.hippo.channel(cx, &channel.id).await {
            Ok(channel) => Ok(Some((channel, found.storage_id.clone()))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.hippo.fail(format!("read channel {}", self.channel), error)),
        }
    }
}

#[async_trait::async_trait]
impl Target for HippoTarget {
    fn info(&self) -> &TargetInfo {
        &self.info
    }

    fn unanswered_hints(&self) -> &'static [&'static str] {
        &["if the address is not the application's, say how it is made: `--app-url 'http://{domain}:8088'`"]
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn check(&self, cx: &Context) -> Result<Checked, TargetError> {
        let operation = || format!("reach Hippo at {}", self.info.endpoint);
        self.hippo.ping(cx).await.map_err(|error| self.hippo.fail_first(operation(), error))?;
        Ok(Checked { identity: self.hippo.username().map(str::to_owned) })
    }

    async fn plan(&self, cx: &Context, app: &AppName, package: &Package) -> Result<Plan, TargetError> {
        let wish = self.wish(app, &package.id);
        let state = self.observer(&wish).observe(cx).await?;
        let plan = Plan { changes: changes::changes(&wish, &state), current: self.current(&state) };
        self.remember(wish, state);
        Ok(plan)
    }

    async fn foresee(&self, cx: &Context, app: &AppName, package: &Package) -> Result<Plan, TargetError> {
        let wish = self.wish(app, &package.id);
        let state = self.observer(&wish).foresee(cx).await?;
        Ok(Plan { changes: changes::changes(&wish, &state), current: self.current(&state) })
    }

    async fn publish(&self, cx: &Context, package: &Package) -> Result<Artifact, TargetError> {
        let failed = |error| fault::of_registry(error, format!("upload {} to the Bindle server", package.id));
        let registry = self.registry().await.map_err(failed)?;
        let uploaded = registry.push(package, cx.reporter.as_ref(), &cx.cancel).await.map_err(failed)?;
        Ok(Artifact {
            package: package.id.clone(),
            reference: package.id.to_string(),
            routes: package.routes.clone(),
            uploaded,
        })
    }

    async fn release(&self, cx: &Context, app: &AppName, artifact: &Artifact) -> Result<Release, TargetError> {
        let wish = self.wish(app, &artifact.package);
        self.call_it(app, &artifact.package.name);
        let observer = self.observer(&wish);
        let state = match self.recall(&wish) {
            Some(state) => state,
            None => observer.observe(cx).await?,
        };
        Releasing::new(observer).run(cx, state).await
    }

    async fn status(&self, cx: &Context, app: &AppName, look: Look<'_>) -> Result<Status, TargetError> {
        match look {
            Look::Quick(release) => {
                let url = release.url.as_deref().and_then(|url| Url::parse(url).ok());
                let sight = readiness::look(cx, &self.http, url.as_ref(), &self.answers_as(app)).await?;
                Ok(judge(sight, Some(&release.version)))
            }
            Look::Full => self.full_status(cx, app).await,
        }
    }

    async fn missing(&self, cx: &Context, package: &Package, plan: &Plan) -> Result<Missing, TargetError> {
        let failed = |error| fault::of_registry(error, format!("look for {} on the Bindle server", package.id));
        let registry = self.registry().await.map_err(failed)?;
        let live = plan.current.as_ref().and_then(|live| live.version.parse().ok());
        let live = live.map(|version| PackageId { name: package.id.name.clone(), version });
        let lacks = registry.lacks(package, live.as_ref(), cx.reporter.as_ref()).await;
        let (upload, certain) = lacks.map_err(failed)?;
        Ok(Missing { upload, certain })
    }

    fn logs(&self) -> Option<&dyn Logs> {
        Some(self)
    }

    fn history(&self) -> Option<&dyn History> {
        Some(self)
    }

    fn removal(&self) -> Option<&dyn Removal> {
        Some(self)
    }

    fn retrieval(&self) -> Option<&dyn Retrieval> {
        Some(self)
    }
}

/// What is missing where Hippo's address is, and what to do about it.
const NO_HIPPO: (&str, &str) =
    ("no address of Hippo (`--hippo-url`, HIPPO_URL)", "export HIPPO_URL=https://hippo.example.com");

/// The same of the Bindle server's.
const NO_BINDLE: (&str, &str) = (
    "no address of the Bindle server (`--bindle-server`, BINDLE_SERVER_URL)",
    "export BINDLE_SERVER_URL=https://bindle.example.com/v1",
);

fn missing_address(settings: &Config) -> TargetError {
    let mut missing = Vec::new();
    let mut hints = Vec::new();
    if settings.url.is_none() {
        missing.push(NO_HIPPO.0);
        hints.push(NO_HIPPO.1.to_owned());
    }
    if settings.bindle_url.is_none() {
        missing.push(NO_BINDLE.0);
        hints.push(NO_BINDLE.1.to_owned());
    }
    let reason = anyhow!(missing.join(" and "));
    TargetError { hints, ..TargetError::new(ErrorKind::InvalidConfig, "connect to Hippo").because(reason) }
}

fn missing_credential() -> TargetError {
    TargetError::new(ErrorKind::Unauthenticated, "connect to Hippo")
        .because(anyhow!(
            "no credential: neither a token (`--hippo-token`, HIPPO_TOKEN) nor a user (`--hippo-username` and \
             `--hippo-password`, HIPPO_USERNAME and HIPPO_PASSWORD), and no login is kept"
        ))
        .hint("spin-deploy login --hippo-url URL")
        .hint("export HIPPO_USERNAME=NAME HIPPO_PASSWORD=...")
}

fn http_client(config: &http::Config) -> Result<Client, TargetError> {
    Client::new(config)
        .map_err(|error| TargetError::new(fault::kind(error.kind), "set up the HTTP client").because(error))
}

/// The client holds back tokens by itself, but cannot know that a login's body holds a password.
fn check_readability(url: &Url, config: &http::Config) -> Result<(), TargetError> {
    if url.scheme() != "http" || is_loopback(url) || config.allow_insecure_credentials {
        return Ok(());
    }
    let host = url.host_str().unwrap_or_default();
    Err(invalid(format!("a password or token would go to {host} over plain http, where it can be read"))
        .hint("use the https address, or allow it: `--allow-insecure-credentials`"))
}

fn check_scheme(url: &Url, flag: &str) -> Result<(), TargetError> {
    if matches!(url.scheme(), "http" | "https") && url.has_host() {
        return Ok(());
    }
    Err(invalid(format!("the address given by `{flag}` does not begin with http:// or https://")))
}

/// Checks channel, domain and the template of URLs, which is returned where there is one.
fn check_names(settings: &Config) -> Result<Option<AppUrl>, TargetError> {
    if let Some(domain) = settings.domain.as_deref().filter(|domain| !names::is_domain(domain)) {
        return Err(invalid(format!(
            "`--domain {domain}` is no domain to Hippo: lower-case letters, digits and single inner hyphens between the \
             dots, and a last part of letters; no port"
        )));
    }
    if let Some(fault) = names::channel_fault(&settings.channel, settings.domain.is_some()) {
        return Err(invalid(format!("`--channel {}` will not do: {fault}", settings.channel)));
    }
    let template = settings.app_url.as_deref().map(AppUrl::parse).transpose();
    template.map_err(|fault| invalid(format!("`--app-url` will not do: {fault}")).hint("--app-url 'https://{domain}'"))
}

fn invalid(reason: String) -> TargetError {
    TargetError::new(ErrorKind::InvalidConfig, "connect to Hippo").because(anyhow!(reason))
}
