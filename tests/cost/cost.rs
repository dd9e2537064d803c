//! Prints what a deployment costs, as it stands in the README. With `--write` it writes it there, between the page's two marks.

#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used, reason = "a program for the terminal")]

use tests::cost::{MARKS, count, page};

fn main() {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().expect("a runtime");
    let bill = runtime.block_on(count());
    if !std::env::args().any(|argument| argument == "--write") {
        println!("{}", page(&bill, false));
        return;
    }
    for (file, chinese) in [("README.md", false), ("README.zh-CN.md", true)] {
        let text = std::fs::read_to_string(file).expect("run it at the root of the project");
        let (before, rest) = text.split_once(MARKS.0).expect("the mark of the begin");
        let (_, after) = rest.split_once(MARKS.1).expect("the mark of the end");
        std::fs::write(file, [before, MARKS.0, &page(&bill, chinese), MARKS.1, after].concat())
            .expect("a README that can be written");
    }
}
