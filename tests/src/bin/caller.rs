//! One side of a call without a window: `caller place|answer --a URL,USER,TOKEN[,DEVICE] [--room ID] [--video] [--seconds N]`.
//!
//! Devices are faked. It calls and hangs up after so many seconds, or when it is told to end (SIGTERM), and prints one JSON
//! object. With `--talk` it says by a line of JSON that it has synced, takes words on standard input, a line each, and answers
//! each with another line before that object: `stats`, `mute on|off`, `camera on|off`, `hold on|off`, `look FILE` (what is seen, as PNG), `hangup`.

#[path = "caller/account.rs"]
mod account;
#[path = "caller/answer.rs"]
mod answer;
#[path = "caller/conversation.rs"]
mod conversation;
#[path = "caller/screen.rs"]
mod screen;

use std::{io::Write, net::SocketAddr, process::ExitCode, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use calls::{
    LocalMedia,
    device::pretended::Pretended,
    peer::{Engine, Network},
};
use clap::{Parser, ValueEnum};
use rand::{SeedableRng, rngs::StdRng};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    signal::unix::{SignalKind, signal},
    sync::mpsc,
    time::{Instant, sleep_until},
};

use self::{account::Account, conversation::Conversation, screen::Screen};

/// One side of a call without a window.
#[derive(Parser)]
struct Arguments {
    mode: Mode,
    /// Who: the homeserver's address, the user id, an access token and, unless the server is to be asked, its device.
    #[arg(long, value_name = "URL,USER,TOKEN[,DEVICE]")]
    a: String,
    /// Where to call; `answer` takes calls from everywhere.
    #[arg(long, required_if_eq("mode", "place"))]
    room: Option<String>,
    /// With a camera.
    #[arg(long)]
    video: bool,
    /// How long to talk before hanging up.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// The size of the pretended camera's pictures.
    #[arg(long, default_value = "640x480", value_parser = size)]
    size: (u32, u32),
    /// Where to listen for the other side; 0.0.0.0 stands for all interfaces but loopback.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: Vec<SocketAddr>,
    /// Use nothing but the homeserver's TURN servers.
    #[arg(long)]
    relay_only: bool,
    /// Take words on standard input, until `hangup` or its end.
    #[arg(long)]
    talk: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Mode {
    Place,
    Answer,
}

fn size(text: &str) -> Result<(u32, u32), String> {
    let sides = text.split_once('x').and_then(|(width, height)| Some((width.parse().ok()?, height.parse().ok()?)));
    sides.ok_or_else(|| "a size is written as 640x480".to_owned())
}

fn main() -> Result<ExitCode> {
    tests::install_tls();
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let answer = runtime.block_on(run(&arguments));
    // A read of standard input cannot be cancelled.
    runtime.shutdown_background();
    let failed = answer.get("error").is_some();
    writeln!(std::io::stdout(), "{answer}")?;
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// What is printed at the end, whatever happens.
async fn run(arguments: &Arguments) -> serde_json::Value {
    let began = Instant::now();
    let mut conversation = None;
    let failed = call(arguments, began, &mut conversation).await.err();
    let mut answer = conversation.as_ref().map_or_else(answer::nothing, Conversation::answer);
    answer::complete(&mut answer, arguments, began.elapsed(), failed.as_ref());
    answer
}

async fn call(arguments: &Arguments, began: Instant, slot: &mut Option<Conversation>) -> Result<()> {
    let mut account = Account::open(&arguments.a).await?;
    let (sender, mut reports) = mpsc::channel(64);
    let screen = Arc::new(Screen::default());
    let network = Network {
        servers: account.turn_servers().await,
        bind: arguments.listen.clone(),
        relay_only: arguments.relay_only,
    };
    let devices = Arc::new(Pretended::sized(arguments.size.0, arguments.size.1));
    let viewer = Arc::clone(&screen) as _;
    let engine = Engine::new(network, devices, viewer, sender, StdRng::from_os_rng());
    let media = LocalMedia { camera: arguments.video, ..LocalMedia::voice() };
    let answers = (arguments.mode == Mode::Answer).then_some(media);
    let me = account.user().to_owned();
    let conversation = slot.insert(Conversation::new(me, engine, screen, account.sender(), answers, began));

    let mut losses = account.losses();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    if arguments.talk {
        writeln!(std::io::stdout(), "{}", conversation.synced())?;
    }
    let mut next_look = Instant::now();
    if let Some(room) = &arguments.room.clone().filter(|_| arguments.mode == Mode::Place) {
        let (room, invitee) = account.other_of(room).await?;
        conversation.place(room, invitee, media).await?;
    }
    loop {
        let ends = conversation.connected_at().filter(|_| !arguments.talk);
        let ends = ends.map(|connected| connected + Duration::from_secs_f64(arguments.seconds));
        tokio::select! {
            events = account.next_events() => conversation.heard(events?).await,
            report = reports.recv() => conversation.reported(report.context("the engine is gone")?).await,
            Some(lost) = losses.recv() => conversation.not_sent(&lost).await,
            () = conversation.due() => conversation.tick().await,
            () = sleep_until(next_look) => {
                conversation.sample().await;
                // Until something was heard and seen, the moment of that is looked for.
                let pause = if conversation.is_heard_and_seen() { 250 } else { 20 };
                next_look = Instant::now() + Duration::from_millis(pause);
            }
            () = sleep_until(ends.unwrap_or(began)), if ends.is_some() => conversation.hang_up().await,
            _ = terminate.recv() => conversation.hang_up().await,
            line = lines.next_line(), if arguments.talk && !conversation.is_over() => match line? {
                Some(line) => {
                    let said = conversation.told(&line).await;
                    writeln!(std::io::stdout(), "{said}")?;
                }
                None => conversation.hang_up().await,
            },
        }
        if conversation.is_over() {
            break;
        }
    }
    conversation.close();
    account.finish().await
}
