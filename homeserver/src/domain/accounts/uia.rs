//! User-interactive authentication: an operation that must be proved in stages, each request proving one of them.

use std::{
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
};

use lru::LruCache;
use ruma::{
    OwnedUserId,
    api::{
        client::uiaa::{AuthData, AuthFlow, AuthType, LoginTermsParams, UiaaInfo},
        error::{ErrorKind, StandardErrorBody},
    },
};

use crate::store::Purpose;

use super::{AccountError, Accounts, Validated, secrets::random_token};

/// How long a session may take.
const SESSION_MS: i64 = 15 * 60_000;
/// Sessions that are remembered; the ones not used for longest are forgotten first.
const SESSIONS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(9_999);

/// What is to be proved, and for what.
#[derive(Debug)]
pub struct Operation {
    /// Names the operation and what it works on: a session proved for one operation is no good for another.
    pub name: String,
    /// Any one of these is enough.
    pub flows: Vec<Vec<AuthType>>,
    /// Who must prove it, when that is known.
    pub user: Option<OwnedUserId>,
    /// What a confirmed e-mail address must have been confirmed for, where one is a proof.
    pub mail: Option<Purpose>,
}

/// What was proved.
#[derive(Clone, Debug, Default)]
pub struct Proof {
    /// Whose password was given.
    pub user: Option<OwnedUserId>,
    /// The invite token that was given.
    pub invite: Option<String>,
    /// The e-mail address that was confirmed.
    pub address: Option<Validated>,
}

/// A stage as its web page shows it.
#[derive(Clone, Debug)]
pub struct PageStage {
    pub done: bool,
    /// Whose password it must be, when that is known.
    pub user: Option<OwnedUserId>,
    /// What an e-mail address is confirmed for.
    pub mail: Option<Purpose>,
}

/// Sessions that are under way.
#[derive(Clone)]
pub struct UiaSessions(Arc<Mutex<LruCache<String, UiaSession>>>);

#[derive(Clone)]
struct UiaSession {
    operation: String,
    flows: Vec<Vec<AuthType>>,
    user: Option<OwnedUserId>,
    mail: Option<Purpose>,
    expires_ts: i64,
    completed: Vec<AuthType>,
    proof: Proof,
}

impl Default for UiaSessions {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(LruCache::new(SESSIONS))))
    }
}

impl Accounts {
    /// Checks what a request proves. [`AccountError::MoreProof`] says what is still missing; a session ends when all is proved.
    pub async fn prove(&self, operation: Operation, auth: Option<&AuthData>) -> Result<Proof, AccountError> {
        let known = auth.and_then(AuthData::session).and_then(|id| self.uia_session(id, &operation.name));
        let Some(auth) = auth else { return Err(self.challenge(None, &operation, None)) };
        if auth.session().is_some() && known.is_none() {
            let error = StandardErrorBody::new(
                ErrorKind::Unknown,
                "This session is unknown, over, or for something else".to_owned(),
            );
            return Err(self.challenge(None, &operation, Some(error)));
        }
        let (id, mut session) = known.unwrap_or_else(|| self.new_uia_session(&operation));
        match self.prove_stage(&operation, auth, &mut session.proof).await {
            Ok(Some(stage)) => {
                if !session.completed.contains(&stage) {
                    session.completed.push(stage);
                }
            }
            Ok(None) => {}
            Err(StageError::Refused(error)) => {
                return Err(self.challenge(Some((id, session)), &operation, Some(error)));
            }
            Err(StageError::Failed(error)) => return Err(error),
        }
        if operation.flows.iter().any(|flow| flow.iter().all(|stage| session.completed.contains(stage))) {
            self.uia.0.lock().unwrap_or_else(PoisonError::into_inner).pop(&id);
            return Ok(session.proof);
        }
        Err(self.challenge(Some((id, session)), &operation, None))
    }

    /// The same for an operation of a user who is signed in: they give their password, if they have one.
    pub async fn prove_own(
        &self,
        user: &ruma::UserId,
        name: String,
        auth: Option<&AuthData>,
    ) -> Result<Proof, AccountError> {
        let account = self.store.read().await?.account(user).await?.ok_or(AccountError::WrongPassword)?;
        let stage = if account.password_hash.is_some() { AuthType::Password } else { AuthType::Dummy };
        let operation = Operation { name, flows: vec![vec![stage]], user: Some(user.to_owned()), mail: None };
        self.prove(operation, auth).await
    }

    /// A stage that is to be completed on a web page; `None` when the session is unknown or does not ask for it.
    pub fn stage_of_page(&self, id: &str, stage: &AuthType) -> Option<PageStage> {
        let session = self.session_of_page(id)?;
        let asked = session.flows.iter().flatten().any(|known| known == stage);
        asked.then(|| PageStage { done: session.completed.contains(stage), user: session.user, mail: session.mail })
    }

    /// Takes what a person proved on a web page; the client goes on with the session alone.
    pub async fn prove_on_page(&self, id: &str, auth: &AuthData) -> Result<(), AccountError> {
        let UiaSession { operation: name, flows, user, mail, mut proof, .. } =
            self.session_of_page(id).ok_or(AccountError::WrongToken)?;
        let stage = match self.prove_stage(&Operation { name, flows, user, mail }, auth, &mut proof).await {
            Ok(stage) => stage.ok_or(AccountError::WrongToken)?,
            Err(StageError::Failed(error)) => return Err(error),
            Err(StageError::Refused(_)) if matches!(auth, AuthData::Password(_)) => {
                return Err(AccountError::WrongPassword);
            }
            Err(StageError::Refused(_)) => return Err(AccountError::WrongToken),
        };
        let mut sessions = self.uia.0.lock().unwrap_or_else(PoisonError::into_inner);
        let session = sessions.get_mut(id).ok_or(AccountError::WrongToken)?;
        if !session.completed.contains(&stage) {
            session.completed.push(stage);
        }
        session.proof = proof;
        Ok(())
    }

    fn session_of_page(&self, id: &str) -> Option<UiaSession> {
        let mut sessions = self.uia.0.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.get(id).filter(|session| session.expires_ts > self.clock.now_ms()).cloned()
    }

    /// The stage that `auth` proves.
    async fn prove_stage(
        &self,
        operation: &Operation,
        auth: &AuthData,
        proof: &mut Proof,
    ) -> Result<Option<AuthType>, StageError> {
        let Some(stage) = auth.auth_type() else { return Ok(None) };
        if !operation.flows.iter().flatten().any(|known| *known == stage) {
            return Err(StageError::refused(ErrorKind::Unrecognized, "This kind of proof is not asked for"));
        }
        match auth {
            AuthData::Dummy(_) | AuthData::Terms(_) => Ok(Some(stage)),
            AuthData::Password(given) => {
                let account = match self.check_password_of(&given.identifier, &given.password).await {
                    Ok(account) => account,
                    Err(error @ (AccountError::WrongPassword | AccountError::Deactivated)) => {
                        return Err(StageError::refused(ErrorKind::Forbidden, error.to_string()));
                    }
                    Err(error) => return Err(StageError::Failed(error)),
                };
                if operation.user.as_ref().is_some_and(|user| *user != account.user_id) {
                    return Err(StageError::refused(ErrorKind::Forbidden, "This is another user's password"));
                }
                proof.user = Some(account.user_id);
                Ok(Some(stage))
            }
            AuthData::RegistrationToken(given) => {
                if !self.invite_valid(&given.token).await.map_err(StageError::Failed)? {
                    return Err(StageError::refused(ErrorKind::Forbidden, "The registration token is not valid"));
                }
                proof.invite = Some(given.token.clone());
                Ok(Some(stage))
            }
            AuthData::EmailIdentity(given) => {
                let (Some(purpose), creds) = (operation.mail, &given.thirdparty_id_creds) else {
                    return Err(StageError::refused(ErrorKind::Unrecognized, "This kind of proof is not asked for"));
                };
                let shown = self.validated(purpose, creds.sid.as_str(), creds.client_secret.as_str()).await;
                match shown {
                    Ok(shown) => proof.address = Some(shown),
                    Err(AccountError::Threepid(error)) => {
                        return Err(StageError::refused(ErrorKind::Unauthorized, error.to_string()));
                    }
                    Err(error) => return Err(StageError::Failed(error)),
                }
                Ok(Some(stage))
            }
            _ => Err(StageError::refused(ErrorKind::Unrecognized, "This kind of proof is not known")),
        }
    }

    /// What is answered when something is missing; the session is kept for the next request.
    fn challenge(
        &self,
        session: Option<(String, UiaSession)>,
        operation: &Operation,
        error: Option<StandardErrorBody>,
    ) -> AccountError {
        let (id, session) = session.unwrap_or_else(|| self.new_uia_session(operation));
        let mut info = UiaaInfo::new(operation.flows.iter().cloned().map(AuthFlow::new).collect());
        info.params = serde_json::value::to_raw_value(&self.params(operation)).ok();
        info.completed.clone_from(&session.completed);
        info.session = Some(id.clone());
        info.auth_error = error;
        self.uia.0.lock().unwrap_or_else(PoisonError::into_inner).put(id, session);
        AccountError::MoreProof(Box::new(info))
    }

    /// What clients must know of the stages: the documents that people accept.
    fn params(&self, operation: &Operation) -> serde_json::Value {
        let mut params = serde_json::Map::new();
        if operation.flows.iter().flatten().any(|stage| *stage == AuthType::Terms) {
            let policies = self.config.terms.iter().map(|(name, terms)| (name.clone(), terms.definition())).collect();
            params
                .extend(serde_json::to_value(LoginTermsParams::new(policies)).map(|v| ("m.login.terms".to_owned(), v)));
        }
        params.into()
    }

    fn new_uia_session(&self, operation: &Operation) -> (String, UiaSession) {
        let session = UiaSession {
            operation: operation.name.clone(),
            flows: operation.flows.clone(),
            user: operation.user.clone(),
            mail: operation.mail,
            expires_ts: self.clock.now_ms() + SESSION_MS,
            completed: Vec::new(),
            proof: Proof::default(),
        };
        (random_token(&mut rand::rng()), session)
    }

    fn uia_session(&self, id: &str, operation: &str) -> Option<(String, UiaSession)> {
        let mut sessions = self.uia.0.lock().unwrap_or_else(PoisonError::into_inner);
        let session = sessions.get(id)?;
        (session.operation == operation && session.expires_ts > self.clock.now_ms())
            .then(|| (id.to_owned(), session.clone()))
    }
}

enum StageError {
    /// The proof is wrong; the session goes on.
    Refused(StandardErrorBody),
    Failed(AccountError),
}

impl StageError {
    fn refused(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self::Refused(StandardErrorBody::new(kind, message.into()))
    }
}
