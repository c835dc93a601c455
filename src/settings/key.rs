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
    pub fn flag(self) -> &'static str {
        match self {
            Key::Target => "--target",
            Key::App => "--name",
            Key::Channel => "--channel",
            Key::Domain => "--domain",
            Key::HippoUrl => "--hippo-url",
            Key::HippoToken => "--hippo-token",
            Key::HippoUsername => "--hippo-username",
            Key::HippoPassword => "--hippo-password",
            Key::BindleServer => "--bindle-server",
            Key::BindleUsername => "--bindle-username",
            Key::BindlePassword => "--bindle-password",
            Key::SigningKey => "--signing-key",
            Key::AppUrl => "--app-url",
            Key::CaCert => "--ca-cert",
            Key::Insecure => "--insecure",
            Key::AllowInsecureCredentials => "--allow-insecure-credentials",
            Key::NoBuildinfo => "--no-buildinfo",
            Key::Timeout => "--timeout",
            Key::Check => "--check",
            Key::CredentialStore => "--credential-store",
            Key::SpinEnvironment => "--environment-name",
            Key::DataDir => "--data-dir",
            Key::Listen => "--listen",
            Key::FirstPort => "--first-port",
            Key::MaxMemory => "--max-memory",
            Key::MaxTime => "--max-time",
            Key::MaxRequests => "--max-requests",
            Key::MaxRequestBody => "--max-request-body",
            Key::MaxResponseBody => "--max-response-body",
        }
    }

    /// The driver that it is for; `None`: every one.
    pub fn target(self) -> Option<&'static str> {
        match self {
            Key::HippoUrl
            | Key::HippoToken
            | Key::HippoUsername
            | Key::HippoPassword
            | Key::Channel
            | Key::Domain
            | Key::AppUrl
            | Key::BindleServer
            | Key::BindleUsername
            | Key::BindlePassword
            | Key::SigningKey
            | Key::SpinEnvironment => Some("hippo"),
            Key::DataDir
            | Key::Listen
            | Key::FirstPort
            | Key::MaxMemory
            | Key::MaxTime
            | Key::MaxRequests
            | Key::MaxRequestBody
            | Key::MaxResponseBody => Some("local"),
            Key::Target
            | Key::App
            | Key::CaCert
            | Key::Insecure
            | Key::AllowInsecureCredentials
            | Key::NoBuildinfo
            | Key::Timeout
            | Key::Check
            | Key::CredentialStore => None,
        }
    }
}
