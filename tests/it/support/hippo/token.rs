//! JSON web tokens as Hippo issues and checks them.
//!
//! Facts: `deislabs/hippo src/Infrastructure/Services/TokenService.cs@v0.20.2`; the words of the
//! `WWW-Authenticate` header are those of the transcript `refused-tokens`.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sha2::Sha256;

use super::guid::Guid;

/// Half an hour.
pub const LIFETIME: SignedDuration = SignedDuration::from_mins(30);
/// The clock skew that ASP.NET grants by default.
pub const LENIENCY: SignedDuration = SignedDuration::from_mins(5);

const NAME_IDENTIFIER: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier";

/// `Jwt:Key`, `Jwt:Issuer` and `Jwt:Audience` of the server.
#[derive(Clone, Debug)]
pub struct Issuer {
    pub key: String,
    pub issuer: String,
    pub audience: String,
}

impl Default for Issuer {
    fn default() -> Self {
        let text = str::to_owned;
        Self { key: text("a key of at least sixteen bytes"), issuer: text("localhost"), audience: text("localhost") }
    }
}

/// What a token says of its bearer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    pub user: Guid,
    pub id: Guid,
    pub expires: Timestamp,
}

/// Why a token is refused: what follows `Bearer` in the header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal(pub String);

impl Refusal {
    /// No token at all, or none of the scheme Bearer.
    pub fn absent() -> Self {
        Self(String::new())
    }

    fn invalid() -> Self {
        Self(" error=\"invalid_token\"".to_owned())
    }

    fn because(description: &str) -> Self {
        Self(format!(" error=\"invalid_token\", error_description=\"{description}\""))
    }

    /// The token's time is over.
    pub fn expired(at: Timestamp) -> Self {
        Self::because(&format!("The token expired at '{}'", at.strftime("%m/%d/%Y %H:%M:%S")))
    }
}

impl Issuer {
    /// Signs a token.
    pub fn issue(&self, claims: &Claims) -> String {
        let user = claims.user.to_string();
        let header = json!({ "alg": "HS256", "typ": "JWT" });
        let payload = json!({
            "sub": user,
            "unique_name": user,
            "jti": claims.id.to_string(),
            NAME_IDENTIFIER: user,
            "exp": claims.expires.as_second(),
            "iss": self.issuer,
            "aud": self.audience,
        });
        let signed = format!("{}.{}", encode(header.to_string()), encode(payload.to_string()));
        let signature = encode(self.signature(&signed));
        format!("{signed}.{signature}")
    }

    /// Checks signature, lifetime, audience and issuer, in this order.
    pub fn check(&self, token: &str, now: Timestamp) -> Result<Claims, Refusal> {
        let (signed, signature) = token.rsplit_once('.').ok_or_else(Refusal::invalid)?;
        let payload = signed.split_once('.').and_then(|(_, payload)| decode(payload)).ok_or_else(Refusal::invalid)?;
        if signature != encode(self.signature(signed)) {
            return Err(Refusal::because("The signature key was not found"));
        }
        let claims = claims(&payload).ok_or_else(Refusal::invalid)?;
        if now > claims.expires + LENIENCY {
            return Err(Refusal::expired(claims.expires));
        }
        self.check_party(&payload, "aud", &self.audience, "audience")?;
        self.check_party(&payload, "iss", &self.issuer, "issuer")?;
        Ok(claims)
    }

    fn check_party(&self, payload: &Value, claim: &str, expected: &str, word: &str) -> Result<(), Refusal> {
        match payload[claim].as_str().unwrap_or("null") {
            given if given == expected => Ok(()),
            given => Err(Refusal::because(&format!("The {word} '{given}' is invalid"))),
        }
    }

    fn signature(&self, signed: &str) -> Vec<u8> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.key.as_bytes()).expect("HMAC takes a key of any length");
        mac.update(signed.as_bytes());
        mac.finalize().into_bytes().to_vec()
    }
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn decode(part: &str) -> Option<Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

fn claims(payload: &Value) -> Option<Claims> {
    Some(Claims {
        user: Guid::parse(payload["sub"].as_str()?)?,
        id: Guid::parse(payload["jti"].as_str()?)?,
        expires: Timestamp::from_second(payload["exp"].as_i64()?).ok()?,
    })
}
