//! Accounts at Hippo and at the Bindle server. Facts: `deislabs/hippo src/Application/Accounts@v0.20.2`.

use anyhow::anyhow;
use jiff::Timestamp;
use url::Url;

use super::api::TokenInfo;
use super::client::Hippo;
use super::fault::{self, ApiError};
use super::{NO_HIPPO, check_readability, check_scheme, http_client};
use crate::auth::{Credential, Login, Secret, Token};
use crate::http::{Client, SafeUrl};
use crate::registry::bindle::Examiner;
use crate::target::{Accounts, Admission, Context, ErrorKind, TargetError};
use crate::targets;

/// The accounts of a configured Hippo; no request is sent. Of the settings it needs no more than Hippo's address.
pub fn accounts(config: &targets::Config) -> Result<Box<dyn Accounts>, TargetError> {
    let settings = &config.hippo;
    let url = settings.url.clone().ok_or_else(|| {
        TargetError::new(ErrorKind::InvalidConfig, "connect to Hippo").because(anyhow!(NO_HIPPO.0)).hint(NO_HIPPO.1)
    })?;
    check_scheme(&url, "--hippo-url")?;
    check_readability(&url, &config.http)?;
    if let Some(bindle) = &settings.bindle_url {
        check_scheme(bindle, "--bindle-server")?;
    }
    Ok(Box::new(HippoAccounts { http: http_client(&config.http)?, url, bindle_url: settings.bindle_url.clone() }))
}

/// One Hippo, and the Bindle server where one is configured.
#[derive(Debug)]
struct HippoAccounts {
    http: Client,
    url: Url,
    bindle_url: Option<Url>,
}

impl HippoAccounts {
    fn hippo(&self, credential: Option<Credential>) -> Hippo {
        Hippo::new(self.http.clone(), self.url.clone(), credential).single(None)
    }
}

#[async_trait::async_trait]
impl Accounts for HippoAccounts {
    fn server(&self) -> &Url {
        &self.url
    }

    fn registry(&self) -> Option<&Url> {
        self.bindle_url.as_ref()
    }

    async fn log_in(&self, cx: &Context, login: &Login) -> Result<Token, TargetError> {
        let hippo = self.hippo(Some(Credential::Password(login.clone())));
        match hippo.log_in(cx, login).await {
            Ok(info) => Ok(token(info, login, Timestamp::now())),
            Err(error) => Err(login_failed(&hippo, login, error)),
        }
    }

    async fn register(&self, cx: &Context, login: &Login, by: Option<&Credential>) -> Result<(), TargetError> {
        let hippo = self.hippo(by.cloned());
        let failed = |error| registration_failed(&hippo, login, by.is_some(), error);
        hippo.create_account(cx, login).await.map_err(failed)
    }

    async fn check(&self, cx: &Context, credential: &Credential) -> Result<(), TargetError> {
        let hippo = self.hippo(Some(credential.clone()));
        hippo.ping(cx).await.map_err(|error| credential_refused(&hippo, error))
    }

    async fn check_registry(&self, cx: &Context, login: Option<&Login>) -> Result<Admission, TargetError> {
        let Some(url) = &self.bindle_url else {
            return Err(TargetError::new(ErrorKind::InvalidConfig, "ask the Bindle server who we are")
                .because(anyhow!(super::NO_BINDLE.0))
                .hint(super::NO_BINDLE.1));
        };
        let examiner = Examiner::new(url.clone(), self.http.clone(), login);
        admission(cx, &examiner, login.is_some(), url).await
    }
}

/// What was got. One that is fresh and looks old comes from a clock that differs from ours: then only the server can tell
/// when it has run out.
fn token(info: TokenInfo, login: &Login, now: Timestamp) -> Token {
    let expires = info.expiration.as_deref().and_then(|text| text.parse().ok());
    let token = Token { secret: Secret::new(info.token), username: Some(login.username.clone()), expires };
    if token.lasts(now) { token } else { Token { expires: None, ..token } }
}

fn login_failed(hippo: &Hippo, login: &Login, error: ApiError) -> TargetError {
    let operation = format!("log in to Hippo at {} as {}", hippo.endpoint(), login.username);
    let (is_unknown, status) = (error.says("Account does not exist"), error.status());
    let mut failure = hippo.fail_first(operation, error);
    if is_unknown {
        failure.hints.push(format!("{} --register", hippo.login_command()));
    }
    if status == Some(500) {
        failure.hints.push(
            "a 500 to a login can mean that Hippo's setting Jwt:Key is shorter than 16 bytes, as the one is that it comes \
             with: ask its administrator"
                .to_owned(),
        );
    }
    failure
}

/// Hippo's `Hippo:RegistrationMode` decides who may register: everybody, administrators, or nobody.
fn registration_failed(hippo: &Hippo, login: &Login, has_credential: bool, error: ApiError) -> TargetError {
    let operation = format!("register {} at Hippo at {}", login.username, hippo.endpoint());
    let complaints = error.complaints();
    let (kind, is_closed) = (error.kind(), error.says("registration closed"));
    match kind {
        ErrorKind::Rejected if !complaints.is_empty() => {
            TargetError::new(kind, operation).because(anyhow!(complaints.join("; ")))
        }
        ErrorKind::PermissionDenied => {
            let failure = hippo.fail(operation, error).hint("ask an administrator of Hippo for an account");
            match is_closed || has_credential {
                true => failure,
                false => failure.hint(format!("as an administrator log in first: {}", hippo.login_command())),
            }
        }
        _ => hippo.fail_first(operation, error),
    }
}

/// Hippo does not take a credential, or could not be asked.
pub(super) fn credential_refused(hippo: &Hippo, error: ApiError) -> TargetError {
    // Of a token whose user is gone Hippo says 500.
    let may_help = error.kind() == ErrorKind::Unauthenticated || error.status() == Some(500);
    let failure = hippo.fail_first(format!("ask Hippo at {} who we are", hippo.endpoint()), error);
    let login = hippo.login_command();
    if may_help && !failure.hints.contains(&login) { failure.hint(login) } else { failure }
}

/// How a Bindle server takes us: as somebody where `is_somebody`.
pub(super) async fn admission(
    cx: &Context,
    examiner: &Examiner,
    is_somebody: bool,
    url: &Url,
) -> Result<Admission, TargetError> {
    let reporter = cx.reporter.as_ref();
    let ask = async {
        examiner.greet(reporter).await?;
        examiner.may_write(reporter).await
    };
    let operation = || format!("ask the Bindle server at {} who we are", SafeUrl::from(url));
    let Some(answer) = cx.cancel.run_until_cancelled(ask).await else {
        return Err(TargetError::new(ErrorKind::Cancelled, operation()));
    };
    match answer.map_err(|error| fault::of_registry(error, operation())) {
        Ok(()) => Ok(Admission::Admitted),
        Err(TargetError { kind: ErrorKind::Unauthenticated | ErrorKind::PermissionDenied, .. }) => {
            Ok(match is_somebody {
                true => Admission::Refused,
                false => Admission::Asked,
            })
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests;
