//! Every page in every state, on a port of this machine, for the browser that looks at them.
//!
//! What a real shop can reach is reached the way real orders come there, in a world whose clock is moved by hand and then
//! stands still. What no product can reach yet is drawn by the same renderers, under `/gallery/`. One line of JSON says where
//! everything is; the program serves until its input ends.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test's program")]

mod drawn;
mod forms;
mod goods;
mod orders;
mod serve;

use serde_json::{Value, json};
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use tests::TestShop;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

/// A page to look at.
pub struct Page {
    /// Its name, unique, fit for a file's.
    pub name: String,
    /// Where it is.
    pub url: String,
    /// The cookies it is looked at with, as a browser sends them.
    pub cookie: Option<String>,
    /// What it shows, in the words of the table of states.
    pub row: &'static str,
    /// What `data-stage` says, on an order's page.
    pub stage: Option<&'static str>,
    /// The app whose browser looks; none for an ordinary one.
    pub inside: Option<&'static str>,
}

impl Page {
    /// A page that is no order's, looked at by a stranger.
    pub fn plain(name: &str, url: &str, row: &'static str) -> Page {
        Page { name: name.to_owned(), url: url.to_owned(), cookie: None, row, stage: None, inside: None }
    }

    fn describe(&self) -> Value {
        json!({
            "name": self.name, "url": self.url, "cookie": self.cookie, "row": self.row, "stage": self.stage,
            "inside": self.inside,
        })
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let mut shop = TestShop::new(20_261_122).await;
    // The states in between are what is to be seen.
    shop.leave_unfinished();
    goods::stock(&shop).await;
    let mut pages = goods::pages();
    pages.extend(orders::bring_about(&shop).await);
    let stage = drawn::Stage::of(&shop).await;
    pages.extend(stage.pages());

    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    // Whoever looks at late money makes the shop look for stock again.
    let late = pages.iter().filter(|page| page.stage == Some("late")).map(|page| page.url.clone()).collect();
    let (still, _) = shop.tapped(Arc::new(orders::NoStrips));
    let pages: Vec<Value> = pages.iter().map(Page::describe).collect();
    let handler = serve::Handler::new(shop.front().clone(), still, late, Arc::new(stage)).await;
    let server = tokio::spawn(local::server::serve_with(listener, move |request, peer| {
        let handler = handler.clone();
        async move { handler.handle(request, &peer).await }
    }));
    let line = json!({ "port": port, "pages": pages });
    let _ = writeln!(std::io::stdout(), "{line}");

    // Whoever started this holds the other end: when they are gone, this goes too.
    let mut rest = Vec::new();
    let _ = tokio::io::stdin().read_to_end(&mut rest).await;
    server.abort();
    ExitCode::SUCCESS
}
