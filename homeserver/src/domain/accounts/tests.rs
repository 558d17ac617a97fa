//! Accounts as their owner makes them.

use std::sync::Arc;

use ruma::server_name;

use super::{AccountError, Accounts, NewSession};
use crate::{clock::Clock, config::Config, store::Store};

async fn accounts(folder: &tempfile::TempDir) -> anyhow::Result<Accounts> {
    let clock = Clock::from_fn(|| 1_000_000);
    let store =
        Store::open(&folder.path().join("hearth.db"), server_name!("one.example"), clock.clone(), |_| ()).await?;
    Ok(Accounts::new(store, clock, Arc::new(Config::default()), server_name!("one.example").to_owned(), None))
}

#[tokio::test]
async fn names_are_lower_case_and_given_out_once() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let accounts = accounts(&folder).await?;
    let (_, user_id) = accounts.add("Alice", Some("secret"), true).await?;
    assert_eq!(user_id, "@alice:one.example");
    assert!(matches!(accounts.add("@alice:one.example", None, false).await, Err(AccountError::NameTaken)));
    for name in ["", "two words", "@bob:two.example", "a:b", "ünlaut", &"a".repeat(260)] {
        assert!(matches!(accounts.add(name, None, false).await, Err(AccountError::InvalidName)), "{name}");
    }
    Ok(())
}

#[tokio::test]
async fn only_the_right_password_opens_and_guessing_is_slowed() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let accounts = accounts(&folder).await?;
    accounts.add("alice", Some("secret"), false).await?;
    accounts.add("bob", None, false).await?;
    assert_eq!(accounts.check_password("ALICE", "secret").await?.user_id, "@alice:one.example");
    assert!(matches!(accounts.check_password("bob", "").await, Err(AccountError::WrongPassword)));
    assert!(matches!(accounts.check_password("nobody", "secret").await, Err(AccountError::WrongPassword)));
    for _ in 0..8 {
        assert!(matches!(accounts.check_password("alice", "wrong").await, Err(AccountError::WrongPassword)));
    }
    assert!(matches!(accounts.check_password("alice", "secret").await, Err(AccountError::TooMany(_))));
    Ok(())
}

#[tokio::test]
async fn closing_an_account_takes_everything_but_the_name() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let accounts = accounts(&folder).await?;
    let (user, user_id) = accounts.add("alice", Some("secret"), true).await?;
    let session = accounts.sign_in(user, user_id.clone(), NewSession::default()).await?;
    accounts.deactivate(user, false).await?;
    assert!(accounts.store.read().await?.access_token(&session.access_token).await?.is_none());
    assert!(accounts.store.read().await?.devices(user).await?.is_empty());
    assert!(matches!(accounts.check_password("alice", "secret").await, Err(AccountError::Deactivated)));
    assert!(matches!(accounts.add("alice", None, false).await, Err(AccountError::NameTaken)));
    Ok(())
}
