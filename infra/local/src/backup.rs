//! `export FILE`, `verify FILE` and `import FILE`: the commands around [`app::backup`], for a data folder that no shop has open, or
//! for deployed tables.
//!
//! The sandbox gateway's trades and the queue's messages stay behind. The gateway is not the shop's: to it an imported order is
//! one it has never seen. Messages are sent again by the timer from what stands in the orders.

use crate::options::{self, Options};
use crate::secrets::LocalSecrets;
use crate::shop::{private_folder, world_options};
use crate::world::{TABLES_FILE, World};
use app::backup::{Contents, ExportWish, Passphrase, verify};
use app::clock::rfc3339;
use app::keys::Secret32;
use app::{App, Ids};
use serde_json::json;
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, IsTerminal};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The variable that holds the passphrase. Never a flag: other users of the machine can read those.
const VARIABLE: &str = "KAMIVEND_BACKUP_PASSPHRASE";

/// What the local shop keeps beside its tables, and finds again.
const ADMIN_PASSWORD: &str = "admin_password";
const SANDBOX_KEY: &str = "sandbox_key";

/// Bytes of a file that are read or written at a time.
const BUFFER: usize = 256 * 1_024;

/// Runs a command: the file's name, then flags. Answers what its owner reads.
pub async fn run(command: &str, args: &[String], variable: impl Fn(&str) -> Option<String>) -> Result<String, String> {
    let (file, flags) = match args.split_first() {
        Some((file, flags)) if !file.starts_with('-') => (PathBuf::from(file), flags),
        _ => return Err(format!("{command} needs the name of a file after it")),
    };
    let is_deployed = flags.iter().any(|flag| flag == "--deployed");
    let flags: Vec<String> = flags.iter().filter(|flag| *flag != "--deployed").cloned().collect();
    let options = options::parse(&flags, &variable)?;
    let passphrase = passphrase(variable(VARIABLE))?;
    match (command, is_deployed) {
        // It looks at no tables, so it does not matter whose.
        ("verify", _) => verified(&file, &passphrase),
        ("export", false) => export_folder(&options, &file, &passphrase).await,
        ("export", true) => {
            let (app, secret) = App::deployed().await.map_err(|e| e.to_string())?;
            export(&app, &secret, false, BTreeMap::new(), &file, &passphrase).await
        }
        ("import", false) => import_folder(&options, &file, &passphrase).await,
        ("import", true) => {
            let (app, secret) = App::deployed().await.map_err(|e| e.to_string())?;
            let contents = read_whole(&file, &passphrase)?;
            import(&app, &secret, &file, &contents).await
        }
        (other, _) => Err(format!("{other} is not a command")),
    }
}

/// The passphrase from the variable, else a line of what is piped in. It is not asked for at a terminal, which would show it.
fn passphrase(variable: Option<String>) -> Result<Passphrase, String> {
    let text = match variable.filter(|text| !text.is_empty()) {
        Some(text) => text,
        None if io::stdin().is_terminal() => return Err(format!("set {VARIABLE}, or pipe the passphrase in")),
        None => {
            let mut line = String::new();
            io::stdin().read_line(&mut line).map_err(|e| format!("the passphrase does not read: {e}"))?;
            line
        }
    };
    Passphrase::new(&text).ok_or_else(|| "the passphrase needs at least 12 characters".to_owned())
}

fn open_bare(options: &Options, secrets: &LocalSecrets) -> Result<World, String> {
    let url = format!("http://127.0.0.1:{}", options.port);
    World::bare(world_options(options, &url, secrets.clone())).map_err(|e| e.to_string())
}

/// Exports a data folder that no shop has open.
pub async fn export_folder(options: &Options, file: &Path, passphrase: &Passphrase) -> Result<String, String> {
    let folder = options.data.as_ref().filter(|folder| folder.join(TABLES_FILE).exists());
    let folder = folder.ok_or("there is no data folder to export; name it with --data")?;
    let secrets = LocalSecrets::open(folder, &Ids::system()).map_err(|e| e.to_string())?;
    let app = open_bare(options, &secrets)?.app();
    let beside = BTreeMap::from([
        (ADMIN_PASSWORD.to_owned(), secrets.admin_password.clone()),
        (SANDBOX_KEY.to_owned(), secrets.sandbox_key.clone()),
    ]);
    export(&app, &secrets.shop, true, beside, file, passphrase).await
}

/// A file in the making, removed when it does not come to its end.
struct Unfinished(PathBuf);

impl Drop for Unfinished {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

async fn export(
    app: &App,
    secret: &Secret32,
    is_stopped: bool,
    beside: BTreeMap<String, String>,
    file: &Path,
    passphrase: &Passphrase,
) -> Result<String, String> {
    let unusable = |e: io::Error| format!("{}: {e}", file.display());
    if file.exists() {
        return Err(format!("{} exists already; an export writes over nothing", file.display()));
    }
    let mut name = file.file_name().ok_or_else(|| format!("{} is no name for a file", file.display()))?.to_owned();
    name.push(".part");
    let part = file.with_file_name(name);
    let out = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part);
    let out = out.map_err(|e| format!("{}: {e}; another export is running, or left it behind", part.display()))?;
    let part = Unfinished(part);
    let wish = ExportWish { passphrase, secret, is_stopped, beside };
    let exported = app.export(BufWriter::with_capacity(BUFFER, out), &wish).await;
    let (out, counts) = exported.map_err(|e| e.to_string())?;
    let out = out.into_inner().map_err(|e| unusable(e.into_error()))?;
    out.sync_all().map_err(unusable)?;
    // A second name for it, which is refused where a file stands; renaming would write over it.
    if fs::hard_link(&part.0, file).is_err() {
        // Sticks and some shares know no second names.
        if file.exists() {
            return Err(format!("{} exists already; an export writes over nothing", file.display()));
        }
        fs::rename(&part.0, file).map_err(unusable)?;
    }
    drop(part);
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(unusable)?;
    let bytes = fs::metadata(file).map_err(unusable)?.len();
    pretty(&json!({"exported": file.display().to_string(), "bytes": bytes, "counts": counts}))
}

fn pretty(report: &serde_json::Value) -> Result<String, String> {
    serde_json::to_string_pretty(report).map_err(|e| e.to_string())
}

fn open_file(file: &Path) -> Result<BufReader<File>, String> {
    let opened = File::open(file).map_err(|e| format!("{}: {e}", file.display()))?;
    Ok(BufReader::with_capacity(BUFFER, opened))
}

/// Reads the file to its end before anything is touched.
fn read_whole(file: &Path, passphrase: &Passphrase) -> Result<Contents, String> {
    verify(open_file(file)?, passphrase).map_err(|e| format!("{}: {e}", file.display()))
}

/// Reads an export to its end as an import would, touches nothing, and says what it would bring.
fn verified(file: &Path, passphrase: &Passphrase) -> Result<String, String> {
    let contents = read_whole(file, passphrase)?;
    let manifest = &contents.manifest;
    pretty(&json!({
        "verified": file.display().to_string(),
        "shop": manifest.shop_id,
        "made_at": rfc3339(manifest.made_at),
        "source": manifest.source,
        "counts": contents.counts,
    }))
}

/// Imports into a data folder: one that holds no shop, or one in which the import of the same file was cut off. The tables do not
/// wait for the disk until the end: after a power cut the folder is removed and the file imported again.
pub async fn import_folder(options: &Options, file: &Path, passphrase: &Passphrase) -> Result<String, String> {
    let folder = options.data.as_ref().ok_or("an import needs a data folder; name it with --data")?;
    let contents = read_whole(file, passphrase)?;
    let unusable = |e: &dyn std::fmt::Display| format!("the data folder {}: {e}", folder.display());
    private_folder(folder).map_err(|e| unusable(&e))?;
    let brought = || {
        let fresh = LocalSecrets::in_memory(&Ids::system());
        let password = contents.beside(ADMIN_PASSWORD).map(str::to_owned);
        LocalSecrets {
            shop_id: contents.manifest.shop_id.clone(),
            shop: contents.secret.clone(),
            master: fresh.master,
            password_is_unseen: password.is_none(),
            admin_password: password.unwrap_or(fresh.admin_password),
            sandbox_key: contents.beside(SANDBOX_KEY).map_or(fresh.sandbox_key, str::to_owned),
        }
    };
    let secrets = LocalSecrets::open_or_keep(folder, brought).map_err(|e| unusable(&e))?;
    if secrets.shop != contents.secret || secrets.shop_id != contents.manifest.shop_id {
        return Err(unusable(&"another shop lives here; import into an empty folder"));
    }
    let world = open_bare(options, &secrets)?;
    let told = {
        world.engine.hurry().map_err(|e| e.0)?;
        let told = import(&world.app(), &secrets.shop, file, &contents).await;
        world.engine.take_time().map_err(|e| e.0)?;
        told?
    };
    drop(world);
    File::open(folder.join(TABLES_FILE)).and_then(|tables| tables.sync_all()).map_err(|e| unusable(&e))?;
    Ok(told)
}

async fn import(app: &App, secret: &Secret32, file: &Path, contents: &Contents) -> Result<String, String> {
    let imported = app.import(open_file(file)?, contents, secret).await.map_err(|e| e.to_string())?;
    let manifest = &contents.manifest;
    let next = match imported.closed {
        true => "The shop is closed until an audit of everything is clean: `audit`, or the timer of a deployed shop.",
        false => {
            "The shop is as it was. If it sold anything after it was exported, read infra/runbook/restore.md before it opens."
        }
    };
    let mut report = json!({
        "imported": file.display().to_string(),
        "shop": manifest.shop_id,
        "made_at": rfc3339(manifest.made_at),
        "source": manifest.source,
        "counts": contents.counts,
        "written": imported.written,
        "there_before": imported.there_before,
        "kept": imported.kept,
        "closed": imported.closed,
        "next": next,
    });
    if let (true, Some(report)) = (imported.done_before, report.as_object_mut()) {
        report.insert("done_before".to_owned(), true.into());
    }
    pretty(&report)
}
