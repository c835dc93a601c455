//! What can be set on more than one layer.

/// A setting's name, the same on every layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// The target to deploy to: a configured one, or a driver.
    Target,
    /// The application's name at the target.
    App,
    /// Hippo's channel.
    Channel,
    /// The channel's domain.
    Domain,
    /// Hippo's address.
    HippoUrl,
    /// A token for Hippo.
    HippoToken,
    /// A user at Hippo.
    HippoUsername,
    /// The user's password.
    HippoPassword,
    /// The Bindle server's address.
    BindleServer,
    /// A user at the Bindle server.
    BindleUsername,
    /// The user's password.
    BindlePassword,
    /// The file with the key that signs invoices.
    SigningKey,
    /// How a channel's domain becomes the application's URL.
    AppUrl,
    /// A file with further certificate authorities.
    CaCert,
    /// Accept any certificate.
    Insecure,
    /// Send credentials over plain HTTP to other machines.
    AllowInsecureCredentials,
    /// No build metadata.
    NoBuildinfo,
    /// How long to wait for an answer.
    Timeout,
    /// A path of the application that has to answer, too.
    Check,
    /// Where logins are kept.
    CredentialStore,
    /// Which of the logins that `spin login` of old made is meant.
    SpinEnvironment,
    /// Where applications are stored that this machine serves.
    DataDir,
    /// The address that they are served on.
    Listen,
    /// The port of the first application.
    FirstPort,
    /// The memory of a request.
    MaxMemory,
    /// The time of a request.
    MaxTime,
    /// Requests of an application at the same time.
    MaxRequests,
    /// The length of a request's body.
    MaxRequestBody,
    /// The length of an answer's body.
    MaxResponseBody,
}

impl Key {
    /// All of them, in the order of the help.
    pub const ALL: &[Key] = &[
        Key::Target,
        Key::App,
        Key::HippoUrl,
        Key::HippoToken,
        Key::HippoUsername,
        Key::HippoPassword,
        Key::Channel,
        Key::Domain,
        Key::AppUrl,
        Key::BindleServer,
        Key::BindleUsername,
        Key::BindlePassword,
        Key::SigningKey,
        Key::CaCert,
        Key::Insecure,
        Key::AllowInsecureCredentials,
        Key::NoBuildinfo,
        Key::Timeout,
        Key::Check,
        Key::CredentialStore,
        Key::SpinEnvironment,
        Key::DataDir,
        Key::Listen,
        Key::FirstPort,
        Key::MaxMemory,
        Key::MaxTime,
        Key::MaxRequests,
        Key::MaxRequestBody,
        Key::MaxResponseBody,
    ];

    /// The flag that sets it.
    pub const fn flag(self) -> &'static str {
        self.facts().flag
    }

    /// The driver that it is for; `None`: every one.
    pub const fn target(self) -> Option<&'static str> {
        self.facts().driver
    }

    /// Its name: the flag without dashes.
    pub fn name(self) -> &'static str {
        self.flag().trim_start_matches('-')
    }

    /// What it is for, in a line.
    pub const fn purpose(self) -> &'static str {
        self.facts().purpose
    }

    /// How it is written in a configuration file.
    pub const fn kind(self) -> Kind {
        self.facts().kind
    }

    /// What counts when nothing is said, as it would be written; `None`: nothing, or what this machine or the target has.
    pub const fn default(self) -> Option<&'static str> {
        self.facts().default
    }

    /// Whether its value must not be seen.
    pub const fn is_secret(self) -> bool {
        matches!(self.kept(), Kept::Never)
    }

    /// Which configuration files may hold it, and where in them.
    pub const fn kept(self) -> Kept {
        match self {
            Key::HippoToken | Key::HippoPassword | Key::BindlePassword => Kept::Never,
            Key::Target => Kept::AtTop,
            Key::CredentialStore => Kept::AtUsersTop,
            Key::Insecure | Key::AllowInsecureCredentials => Kept::InUsersTables,
            // What is open to whom on this machine, and at what cost, is no matter of a repository.
            Key::DataDir
            | Key::Listen
            | Key::MaxMemory
            | Key::MaxTime
            | Key::MaxRequests
            | Key::MaxRequestBody
            | Key::MaxResponseBody => Kept::InUsersTables,
            _ => Kept::InTables,
        }
    }

    /// What configuration files call it; `None`: they must not hold it.
    pub fn in_files(self) -> Option<&'static str> {
        match self.kept() {
            Kept::Never => None,
            Kept::AtTop => Some(DEFAULT_TARGET),
            Kept::AtUsersTop | Kept::InUsersTables | Kept::InTables => Some(self.name()),
        }
    }

    const fn facts(self) -> Facts {
        use Kind::{Number, Path, Switch, Text, Url};
        match self {
            Key::Target => every(Text, "--target", "the target to deploy to").or("hippo"),
            Key::App => every(Text, "--name", "the application's name at the target"),
            Key::HippoUrl => hippo(Url, "--hippo-url", "Hippo's address"),
            Key::HippoToken => hippo(Text, "--hippo-token", "a token for Hippo"),
            Key::HippoUsername => hippo(Text, "--hippo-username", "a user at Hippo"),
            Key::HippoPassword => hippo(Text, "--hippo-password", "the user's password at Hippo"),
            Key::Channel => hippo(Text, "--channel", "the channel to deploy to").or("spin-deploy"),
            Key::Domain => hippo(Text, "--domain", "the channel's domain"),
            Key::AppUrl => hippo(Text, "--app-url", "how a channel's domain becomes the application's URL"),
            Key::BindleServer => hippo(Url, "--bindle-server", "the Bindle server's address"),
            Key::BindleUsername => hippo(Text, "--bindle-username", "a user at the Bindle server"),
            Key::BindlePassword => hippo(Text, "--bindle-password", "the user's password at the Bindle server"),
            Key::SigningKey => hippo(Path, "--signing-key", "the file with the key that signs invoices"),
            Key::CaCert => every(Path, "--ca-cert", "a PEM file with further certificate authorities"),
            Key::Insecure => every(Switch, "--insecure", "true: any certificate will do").or("false"),
            Key::AllowInsecureCredentials => every(
                Switch,
                "--allow-insecure-credentials",
                "true: credentials may go over plain HTTP to other machines",
            )
            .or("false"),
            Key::NoBuildinfo => every(Switch, "--no-buildinfo", "true: versions get no build metadata").or("false"),
            Key::Timeout => every(Number, "--timeout", "how long to wait for an answer").or("5m"),
            Key::Check => every(Text, "--check", "a path of the application that has to answer, too"),
            Key::CredentialStore => {
                every(Text, "--credential-store", "where logins are kept: file or keyring").or("file")
            }
            Key::SpinEnvironment => hippo(Text, "--environment-name", "which login of Spin 0.6 to 1.2 is meant"),
            Key::DataDir => local(Path, "--data-dir", "where applications are stored that this machine serves"),
            Key::Listen => local(Text, "--listen", "the address that they are served on").or("127.0.0.1"),
            Key::FirstPort => local(Number, "--first-port", "the port of the first of them").or("3000"),
            Key::MaxMemory => local(Number, "--max-memory", "the memory of a request").or("256MiB"),
            Key::MaxTime => local(Number, "--max-time", "the time of a request").or("30s"),
            Key::MaxRequests => {
                local(Number, "--max-requests", "requests of an application at the same time").or("100")
            }
            Key::MaxRequestBody => local(Number, "--max-request-body", "the length of a request's body").or("16MiB"),
            Key::MaxResponseBody => local(Number, "--max-response-body", "the length of an answer's body").or("64MiB"),
        }
    }
}

/// What configuration files call the target that is meant when none is named.
pub const DEFAULT_TARGET: &str = "default-target";

/// How a value is written in a configuration file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A string.
    Text,
    /// A string with a path, relative to the file's directory.
    Path,
    /// A string with an address.
    Url,
    /// `true` or `false`.
    Switch,
    /// A whole number, or a string with a number and its unit.
    Number,
}

/// Which configuration files may hold a setting, and where in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// In the table of a target.
    InTables,
    /// In the table of a target, in the user's own file (docs/decisions/0015-safety-is-lowered-by-the-user-alone.md).
    InUsersTables,
    /// Before all tables.
    AtTop,
    /// Before all tables, in the user's own file.
    AtUsersTop,
    /// Nowhere: it is a secret.
    Never,
}

/// What is known of a setting.
struct Facts {
    flag: &'static str,
    driver: Option<&'static str>,
    kind: Kind,
    default: Option<&'static str>,
    purpose: &'static str,
}

impl Facts {
    /// With this default.
    const fn or(self, default: &'static str) -> Facts {
        Facts { default: Some(default), ..self }
    }
}

const fn every(kind: Kind, flag: &'static str, purpose: &'static str) -> Facts {
    Facts { flag, driver: None, kind, default: None, purpose }
}

const fn hippo(kind: Kind, flag: &'static str, purpose: &'static str) -> Facts {
    Facts { driver: Some("hippo"), ..every(kind, flag, purpose) }
}

const fn local(kind: Kind, flag: &'static str, purpose: &'static str) -> Facts {
    Facts { driver: Some("local"), ..every(kind, flag, purpose) }
}
