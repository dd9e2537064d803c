//! Nothing of the machine, the network or the people it was written with is left in the project.

use crate::rust::line;
use crate::tree::{Tree, whole};

/// Folders that exist on one machine. Those of a platform, such as a function's, are no secret and not here.
const FOLDERS: [&str; 9] =
    ["/wo¦rk/", "/fa¦rm/", "/ro¦ot/", "/ho¦me/", "/Us¦ers/", "/t¦mp/", "/m¦nt/", "/var/fo¦lders/", ":\\Us¦ers\\"];

/// Package registries and their mirrors: which one is used is the builder's choice, and cargo's own default.
const REGISTRIES: [&str; 18] = [
    "crates.io-in¦dex",
    "index.crat¦es.io",
    "static.crat¦es.io",
    "static.rust-l¦ang.org",
    "rspr¦oxy.cn",
    "py¦pi.org",
    "pythonho¦sted.org",
    "registry.npm¦js.org",
    "registry.yarn¦pkg.com",
    "npmm¦irror.com",
    "proxy.gol¦ang.org",
    "sum.gol¦ang.org",
    "deb.deb¦ian.org",
    "security.deb¦ian.org",
    "archive.ubu¦ntu.com",
    "tsing¦hua.edu.cn",
    "ustc.e¦du.cn",
    "mirrors.ali¦yun.com",
];

/// The one source a locked package may have.
const SOURCE: &str = "registry+https://github.com/rust-lang/crates.io-in¦dex";

/// Names that belong to nobody, set aside for examples.
const NOBODY: [&str; 7] = ["example.com", "example.net", "example.org", "example", "test", "invalid", "localhost"];

fn check(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in tree.files() {
        let mut say = |at: usize, what: String| found.push(format!("{path}:{}: {what}", line(text, at)));
        for folder in FOLDERS.map(whole) {
            for (at, _) in
                text.match_indices(&folder).filter(|(at, _)| folder.starts_with(':') || begins_path(&text[..*at]))
            {
                say(at, format!("{folder} is a folder of one machine"));
            }
        }
        let lower = text.to_ascii_lowercase();
        for host in REGISTRIES.map(whole).iter().filter(|_| path != "Cargo.lock") {
            for (at, _) in lower.match_indices(host).filter(|(at, _)| !lower[..*at].ends_with(in_name)) {
                say(at, format!("{host} is a package registry"));
            }
        }
        if path == "Cargo.lock" {
            let sources = text.match_indices("source = \"").map(|(at, key)| (at, &text[at + key.len()..]));
            for (at, _) in sources.filter(|(_, rest)| !rest.starts_with(&(whole(SOURCE) + "\""))) {
                say(at, "a package comes from elsewhere than the public index".to_owned());
            }
        }
        for (at, address) in addresses(text) {
            say(at, format!("{address} is somebody's address"));
        }
        for (at, _) in text.match_indices(&whole("-----BE¦GIN ")).filter(|_| !path.starts_with("tests/vectors/")) {
            if text[at..].lines().next().is_some_and(|line| line.contains(&whole("PRIV¦ATE KEY"))) {
                say(at, "a private key".to_owned());
            }
        }
    }
    found
}

/// Whether a path can begin after this text: `a/b`, `./b`, `~/b`, `$A/b` and `{a}/b` go on with one.
fn begins_path(before: &str) -> bool {
    !before.ends_with(|c: char| c.is_ascii_alphanumeric() || "._-~*)}]".contains(c))
}

fn in_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-'
}

/// What reads as an e-mail address of somebody.
fn addresses(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices('@') {
        let user = text[..at].rfind(|c: char| !(c.is_ascii_alphanumeric() || "._%+-".contains(c)));
        let from = user.map_or(0, |before| before + text[before..].chars().next().map_or(1, char::len_utf8));
        let rest = &text[at + 1..];
        let host = rest.find(|c: char| !(in_name(c) || c == '.')).map_or(rest, |end| &rest[..end]);
        let host = host.trim_end_matches(['.', '-']);
        // The last part tells a host from a version: `a@1.2.3` is a package.
        let is_host = host.rsplit_once('.').is_some_and(|(name, last)| {
            !name.is_empty() && last.len() > 1 && last.chars().all(|c| c.is_ascii_alphabetic())
        });
        // Host names are the same in capitals.
        let lower = host.to_ascii_lowercase();
        let is_nobody = NOBODY.iter().any(|n| lower.strip_suffix(n).is_some_and(|h| h.is_empty() || h.ends_with('.')));
        if from < at && is_host && !is_nobody {
            found.push((from, &text[from..at + 1 + host.len()]));
        }
    }
    found
}

#[test]
fn holds() {
    Tree::project().holds(check);
}

const PLANTED: &str = "infra/planted.md";

#[test]
fn a_folder_of_one_machine_is_caught() {
    for (text, folder) in [
        ("cd /wo¦rk/main", "/wo¦rk/"),
        ("/fa¦rm/a", "/fa¦rm/"),
        ("see `/ro¦ot/.cargo`", "/ro¦ot/"),
        ("let a = \"/ho¦me/b\";", "/ho¦me/"),
        ("file:///Us¦ers/b", "/Us¦ers/"),
        ("--out=/t¦mp/b", "/t¦mp/"),
        ("（/m¦nt/b）", "/m¦nt/"),
        ("PATH:/var/fo¦lders/b", "/var/fo¦lders/"),
        ("C:\\Us¦ers\\b", ":\\Us¦ers\\"),
    ] {
        for path in [PLANTED, "tests/tidy/planted.rs", "Cargo.lock"] {
            let said = format!("{path}:2: {folder} is a folder of one machine");
            Tree::default().catches(check, &[(path, &format!("a\n{text}"))], &[&said]);
        }
    }
}

#[test]
fn a_registry_is_caught() {
    let said = |host: &str| format!("{PLANTED}:2: {host} is a package registry");
    for (text, host) in [
        ("pip install -i https://PY¦PI.org/simple", "py¦pi.org"),
        ("https://files.pythonho¦sted.org/a", "pythonho¦sted.org"),
        ("deb http://deb.deb¦ian.org/debian stable", "deb.deb¦ian.org"),
        ("registry=https://registry.npm¦js.org/", "registry.npm¦js.org"),
        ("\"sparse+https://index.crat¦es.io/\"", "index.crat¦es.io"),
        ("\"registry+https://github.com/rust-lang/crates.io-in¦dex\"", "crates.io-in¦dex"),
        ("GOPROXY=proxy.gol¦ang.org,direct", "proxy.gol¦ang.org"),
        ("https://mirrors.tuna.tsing¦hua.edu.cn/a", "tsing¦hua.edu.cn"),
    ] {
        Tree::default().catches(check, &[(PLANTED, &format!("\n{text}"))], &[&said(host)]);
    }
    for host in REGISTRIES {
        Tree::default().catches(check, &[(PLANTED, &format!("\nhttps://{host}/a"))], &[&said(host)]);
    }
}

#[test]
fn a_locked_package_from_elsewhere_is_caught() {
    let lock = |source: &str| format!("[[package]]\nname = \"a\"\nsource = \"{source}\"\n");
    let said = "Cargo.lock:3: a package comes from elsewhere than the public index";
    for source in ["registry+https://mirror.example/index", "git+https://git.example/a", &format!("{SOURCE}-2")] {
        Tree::default().catches(check, &[("Cargo.lock", &lock(source))], &[said]);
    }
    Tree::default().spares(check, &[("Cargo.lock", &lock(SOURCE))]);
}

#[test]
fn somebodys_address_is_caught() {
    for address in ["a@¦kamivend.shop", "first.last+x@¦mail.example.io", "a@¦notexample.com", "git@¦github.com"] {
        for text in
            [format!("\n{address}"), format!("\n见{address}。"), format!("\n<{address}>."), format!("\nx:{address}:b")]
        {
            let said = format!("{PLANTED}:2: {address} is somebody's address");
            Tree::default().catches(check, &[(PLANTED, &text)], &[&said]);
        }
    }
}

#[test]
fn a_private_key_is_caught_except_among_published_vectors() {
    for kind in ["", "RSA ", "EC ", "ENCRYPTED ", "OPENSSH "] {
        let text = format!("\n-----BE¦GIN {kind}PRIV¦ATE KEY-----\nAA==\n");
        Tree::default().catches(check, &[(PLANTED, &text)], &[&format!("{PLANTED}:2: a private key")]);
        Tree::default().spares(check, &[("tests/vectors/planted.json", &text)]);
    }
}

#[test]
fn what_only_looks_alike_is_spared() {
    let text = "https://a.example/ho¦me/ ./t¦mp/a ~/wo¦rk/ ${A}/wo¦rk/ $A/ro¦ot/ `/t¦mp` /workshop/ /usr/bin/env a:\\b\n\
                https://crates.io/crates/a https://xpy¦pi.org https://a.example/py¦pi-org\n\
                buyer@example.com Buyer@EXAMPLE.com a@mail.example.org a@shop.example a@1.2.3 @media a @ b.cd a@b logo@2x u@.com @a.bc\n\
                -----BE¦GIN CERTIFICATE-----\n-----BE¦GIN PUBLIC KEY-----\n";
    Tree::default().spares(check, &[(PLANTED, text)]);
}
