//! Transport only: listeners, TLS, name resolution, HTTPS and iroh. Knows no room, no SQL and no configuration type.
//!
//! How the parts are put together, with plain values (all constructors are cheap unless `async`):
//!
//! ```ignore
//! // The way out: one connector decides which roots and which networks every outgoing connection obeys.
//! let tls = tls::ClientTls::new(&trusted_ca)?;                              // --trusted-ca, Vec<PathBuf>
//! let networks = networks::AllowedNetworks::new(allow_networks);            // --allow-network, Vec<IpNet>
//! let connector = connect::Connector::new(tls, networks, Arc::new(dns::SystemDns::new()));
//! let outgoing = Arc::new(outgoing::Outgoing::new(connector.clone()));      // previews, pushers, application services
//! let well_known = Arc::new(resolve::WellKnownOverHttps::new(outgoing.clone()));
//! let resolver = Arc::new(resolve::Resolver::new(connector.dns().clone(), well_known));
//! let https = https::HttpsFederation::new(connector, resolver);
//!
//! // Key mode only. The port is worth keeping over a restart: peers' tickets name it.
//! let book = iroh::AddressBook::new(saved_addresses, Some(Box::new(saves_to_the_store)));
//! let iroh = iroh::IrohFederation::bind(iroh::IrohOptions { secret: identity.secret(), port, .. }, book).await?;
//! book.learn(&ticket_text.parse()?);                                        // --peer and invite links
//!
//! let transport = Arc::new(transport::FederationTransport::new(https, Some(iroh.clone())));
//! let answer = transport.send(&server_name, request_for_a_path).await?;     // http::Response<LimitedBody>
//! let json = answer.into_body().bytes(limit).await?;
//!
//! // The way in: one router (which may well hold `transport`) behind every listener, with a `Peer` extension.
//! let serve = listener::Serve { router, limits: listener::Limits::default(), shutdown: token.child_token() };
//! let unix = listener::unix(&data.join("hearth.sock"), serve.clone()).await?;
//! let client = listener::tcp(address, listener::Hosts::local_and([host]), serve.clone()).await?;
//! let federation = listener::tls(address, tls::server_config(&pem, &key)?, serve.clone()).await?;  // or self_made_server_config
//! iroh.serve(serve.router);
//!
//! // The end: cancel the token, then
//! unix.ended().await; client.ended().await; federation.ended().await; iroh.ended().await;
//! // Sleep and waking: `transport.wake()` and `outgoing.wake()` after `wake::woken(…)` or the owner's `power(Wake)`.
//! ```

pub mod body;
pub mod change;
pub mod connect;
pub mod dns;
pub mod error;
pub mod https;
pub mod iroh;
pub mod listener;
pub mod networks;
pub mod outgoing;
pub mod resolve;
pub mod smtp;
pub mod tls;
pub mod transport;
pub mod turn;
pub mod wake;
