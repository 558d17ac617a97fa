//! A mail server that takes every mail, or none.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};

/// A mail as it came.
#[derive(Clone, Debug, Default)]
pub struct Received {
    pub from: String,
    pub to: String,
    /// Head and body.
    pub text: String,
}

impl Received {
    /// The path of the link in it.
    pub fn path(&self) -> String {
        assert!(self.text.contains("quoted-printable"));
        let text = self.text.replace("=\r\n", "").replace("=3D", "=");
        let (_, rest) = text.split_once("https://one.example/").unwrap();
        format!("/{}", rest.split_whitespace().next().unwrap())
    }
}

pub struct Postbox {
    pub address: SocketAddr,
    mails: Arc<Mutex<Vec<Received>>>,
    refuses: Arc<AtomicBool>,
}

impl Postbox {
    pub async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (mails, refuses) = (Arc::<Mutex<Vec<Received>>>::default(), Arc::<AtomicBool>::default());
        let (taken, refusing) = (Arc::clone(&mails), Arc::clone(&refuses));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(speak(stream, Arc::clone(&taken), Arc::clone(&refusing)));
            }
        });
        Self { address, mails, refuses }
    }

    pub fn refuse(&self, refuses: bool) {
        self.refuses.store(refuses, Ordering::SeqCst);
    }

    pub fn mails(&self) -> Vec<Received> {
        self.mails.lock().unwrap().clone()
    }

    pub fn last(&self) -> Received {
        self.mails().pop().unwrap()
    }
}

async fn speak(stream: TcpStream, taken: Arc<Mutex<Vec<Received>>>, refuses: Arc<AtomicBool>) {
    let mut stream = BufReader::new(stream);
    let mut mail = Received::default();
    stream.write_all(b"220 one.example ESMTP\r\n").await.unwrap();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.unwrap_or_default() == 0 {
            return;
        }
        let answer = if line.starts_with("EHLO") {
            "250-one.example\r\n250 8BITMIME\r\n"
        } else if let Some(from) = line.strip_prefix("MAIL FROM:") {
            from.trim().clone_into(&mut mail.from);
            "250 OK\r\n"
        } else if let Some(to) = line.strip_prefix("RCPT TO:") {
            to.trim().clone_into(&mut mail.to);
            if refuses.load(Ordering::SeqCst) { "550 No such mailbox\r\n" } else { "250 OK\r\n" }
        } else if line.starts_with("DATA") {
            stream.write_all(b"354 Go on\r\n").await.unwrap();
            loop {
                let mut line = String::new();
                stream.read_line(&mut line).await.unwrap();
                if line.is_empty() || line == ".\r\n" {
                    break;
                }
                mail.text.push_str(&line);
            }
            taken.lock().unwrap().push(std::mem::take(&mut mail));
            "250 OK\r\n"
        } else if line.starts_with("QUIT") {
            "221 Bye\r\n"
        } else {
            "250 OK\r\n"
        };
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}
