//! Making an account: user-interactive registration with a token or with nothing but a click.

use ruma::{
    api::client::{
        account::register,
        uiaa::{AuthData, AuthType, Dummy, RegistrationToken, UiaaInfo},
    },
    assign,
};

use super::{Homeserver, Registration, Session, Store, open};
use crate::{ClientError, Result};

/// A server that asks for more steps than this is not one that we can satisfy.
const MAX_STAGES: usize = 4;

impl Session {
    /// Makes the account and signs in as its first device.
    pub async fn register(homeserver: &Homeserver, store: &Store, registration: &Registration) -> Result<Self> {
        let client = open::connect(homeserver, store).await?;
        let mut auth = None;
        for _ in 0..MAX_STAGES {
            let request = assign!(register::v3::Request::new(), {
                username: Some(registration.localpart.clone()),
                password: Some(registration.password.to_string()),
                initial_device_display_name: Some(registration.device_name.clone()),
                auth: auth.take(),
            });
            match client.matrix_auth().register(request).await {
                Ok(_) => return Self::assemble(client).await,
                Err(error) => match error.as_uiaa_response() {
                    Some(info) => auth = Some(next_stage(info, registration)?),
                    None => return Err(error.into()),
                },
            }
        }
        Err(ClientError::Forbidden("this server asks for more than this app can answer".to_owned()))
    }
}

/// The answer to the first open stage of a flow that we can complete.
fn next_stage(info: &UiaaInfo, registration: &Registration) -> Result<AuthData> {
    let can = |stage: &AuthType| match stage {
        AuthType::Dummy => true,
        AuthType::RegistrationToken => registration.token.is_some(),
        _ => false,
    };
    let flow = info
        .flows
        .iter()
        .find(|flow| flow.stages.iter().all(can))
        .ok_or_else(|| ClientError::Forbidden("this server does not let people register from here".to_owned()))?;
    let stage = flow.stages.iter().find(|stage| !info.completed.contains(stage));
    match (stage, &registration.token) {
        (Some(AuthType::RegistrationToken), Some(token)) => Ok(AuthData::RegistrationToken(
            assign!(RegistrationToken::new(token.to_string()), { session: info.session.clone() }),
        )),
        _ => Ok(AuthData::Dummy(assign!(Dummy::new(), { session: info.session.clone() }))),
    }
}

#[cfg(test)]
mod tests {
    use ruma::api::client::uiaa::{AuthFlow, UiaaInfo};
    use zeroize::Zeroizing;

    use super::{AuthData, AuthType, Registration, next_stage};

    fn registration(token: Option<&str>) -> Registration {
        Registration {
            localpart: "ann".to_owned(),
            password: Zeroizing::new("secret".to_owned()),
            device_name: "Hearth".to_owned(),
            token: token.map(|token| Zeroizing::new(token.to_owned())),
        }
    }

    fn info(flows: Vec<Vec<AuthType>>) -> UiaaInfo {
        UiaaInfo::new(flows.into_iter().map(AuthFlow::new).collect())
    }

    #[test]
    fn a_token_flow_is_chosen_only_with_a_token() {
        let both = info(vec![vec![AuthType::RegistrationToken, AuthType::Dummy], vec![AuthType::ReCaptcha]]);
        assert!(next_stage(&both, &registration(None)).is_err());
        assert!(matches!(next_stage(&both, &registration(Some("t"))).unwrap(), AuthData::RegistrationToken(_)));
        let mut second = both.clone();
        second.completed = vec![AuthType::RegistrationToken];
        assert!(matches!(next_stage(&second, &registration(Some("t"))).unwrap(), AuthData::Dummy(_)));
    }

    #[test]
    fn open_registration_takes_the_dummy_stage() {
        let open = info(vec![vec![AuthType::Dummy]]);
        assert!(matches!(next_stage(&open, &registration(None)).unwrap(), AuthData::Dummy(_)));
    }
}
