//! GET /_matrix/client/v3/voip/turnServer: credentials of the TURN servers that calls may use.

use std::{sync::Arc, time::Duration};

use ruma::{
    UserId,
    api::{
        IncomingRequest, OutgoingResponse,
        auth_scheme::AccessToken,
        client::voip::get_turn_server_info::v3,
        error::{Error, FromHttpRequestError, IntoHttpError},
    },
};

use crate::{
    api::{
        error::ApiError,
        ruma_route::{Ruma, same_endpoint},
    },
    clock::Clock,
    config::{Config, Turn},
    net::turn::{Offer, credentials},
};

/// ruma's request; its answer may be without credentials.
pub struct Request(());

/// Credentials, or an empty object where there is no TURN server: clients go on without one.
pub struct Answer(Option<v3::Response>);

same_endpoint!(Request, v3::Request, true, AccessToken);

impl IncomingRequest for Request {
    type EndpointError = Error;
    type OutgoingResponse = Answer;

    fn try_from_http_request<B, S>(request: http::Request<B>, path_args: &[S]) -> Result<Self, FromHttpRequestError>
    where
        B: AsRef<[u8]>,
        S: AsRef<str>,
    {
        v3::Request::try_from_http_request(request, path_args).map(|_| Self(()))
    }
}

impl OutgoingResponse for Answer {
    fn try_into_http_response<T: Default + bytes::BufMut>(self) -> Result<http::Response<T>, IntoHttpError> {
        if let Some(credentials) = self.0 {
            return credentials.try_into_http_response();
        }
        let mut body = T::default();
        body.put_slice(b"{}");
        Ok(http::Response::builder().header(http::header::CONTENT_TYPE, "application/json").body(body)?)
    }
}

pub async fn get_turn_server_info(
    (config, clock, own): (Arc<Config>, Clock, Offer),
    request: Ruma<Request>,
) -> Result<Answer, ApiError> {
    let Some(turn) = &config.turn else { return Ok(Answer(None)) };
    let now = clock.now_ms() / 1000;
    Ok(Answer(offer(turn, &own, &request.sender.user_id, now)))
}

/// What the settings say, or a name that ends at a time with the MAC of that name, as TURN servers with a shared secret expect it.
fn offer(turn: &Turn, own: &Offer, user_id: &UserId, now_s: i64) -> Option<v3::Response> {
    let uris: Vec<String> = own.uris().into_iter().chain(turn.uris.iter().cloned()).collect();
    if uris.is_empty() {
        return None;
    }
    let (username, password) = match (&turn.username, &turn.password) {
        (Some(username), Some(password)) => (username.clone(), password.clone()),
        _ => {
            let secret = turn.secret.as_deref().unwrap_or(&own.secret);
            credentials::make(secret, user_id.as_str(), now_s + i64::from(turn.lifetime))?
        }
    };
    Some(v3::Response::new(username, password, uris, Duration::from_secs(turn.lifetime.into())))
}

#[cfg(test)]
mod tests {
    use ruma::user_id;

    use super::offer;
    use crate::{
        config::{Config, Turn},
        net::turn::{Offer, credentials},
    };

    fn turn(settings: &str) -> Turn {
        toml::from_str::<Config>(settings).unwrap().turn.unwrap()
    }

    #[test]
    fn our_own_server_is_listed_before_those_that_know_the_same_secret() {
        let alice = user_id!("@alice:one.example");
        let own = Offer::new(vec!["turn:192.0.2.1:3478?transport=udp".to_owned()], "ours");
        let alone = offer(&turn("[turn]\nlisten = \"0.0.0.0:3478\""), &own, alice, 100).unwrap();
        assert_eq!((alone.uris.as_slice(), alone.ttl.as_secs()), (own.uris().as_slice(), 86_400));
        let made = credentials::make("ours", alice.as_str(), 100 + 86_400).unwrap();
        assert_eq!((alone.username, alone.password), made);

        let both = "[turn]\nlisten = \"0.0.0.0:3478\"\nuris = [\"turn:turn.one.example\"]\nsecret = \"shared\"";
        let both = offer(&turn(both), &own, alice, 100).unwrap();
        assert_eq!(both.uris, ["turn:192.0.2.1:3478?transport=udp", "turn:turn.one.example"]);
        assert_eq!(both.password, credentials::make("shared", alice.as_str(), 100 + 86_400).unwrap().1);
        // One that nobody could reach is not listed.
        assert!(offer(&turn("[turn]\nlisten = \"127.0.0.1:0\""), &Offer::default(), alice, 100).is_none());
    }
}
