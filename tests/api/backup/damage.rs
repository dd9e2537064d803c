//! What never comes in: a file that is not whole, another shop's, and anything over a shop that lives.

use super::{PASSPHRASE, a_small_shop, elsewhere, export, import, items, open, passphrase, read};
use app::backup::{BackupError, Passphrase, verify};
use app::keys::Secret32;
use local::secrets::LocalSecrets;
use tests::TestShop;
use tests::shop::cards;

const HEADER: usize = 40;

/// Where each chunk begins, with its length's four bytes, and how long it is with them.
fn chunks(file: &[u8]) -> Vec<(usize, usize)> {
    let (mut at, mut found) = (HEADER, Vec::new());
    while at < file.len() {
        let prefix = u32::from_be_bytes(file[at..at + 4].try_into().unwrap());
        let length = 4 + usize::try_from(prefix & !(1 << 31)).unwrap();
        found.push((at, length));
        at += length;
    }
    found
}

fn refused(file: &[u8]) -> BackupError {
    verify(file, &passphrase()).expect_err("a damaged file was taken")
}

/// A file of several chunks, none of which is like another.
async fn a_file(seed: u64) -> Vec<u8> {
    let (shop, secrets) = open(seed).await;
    shop.product("p", 990, &cards("CARD", 1_300)).await;
    let (file, _) = export(&shop, &secrets, true).await;
    assert!((4..=9).contains(&chunks(&file).len()), "{} chunks", chunks(&file).len());
    read(&file);
    file
}

#[tokio::test(start_paused = true)]
async fn a_bit_flipped_anywhere_is_found() {
    let file = a_file(1_030).await;
    let chunks = chunks(&file);
    let (last, length) = *chunks.last().unwrap();
    // Magic, version, iterations, salt; of the first, a middle and the last chunk its length, its text, its tag.
    let mut places = vec![0, 15, 16, 19, 20, 23, 24, 39];
    for (at, length) in [chunks[0], chunks[2], (last, length)] {
        places.extend([at, at + 3, at + 4, at + length / 2, at + length - 1]);
    }
    for place in places {
        // Deriving a key takes long on purpose: where one is derived, one bit is enough.
        let bits: &[u8] = if place < 24 { &[0x01, 0x80] } else { &[0x01] };
        for bit in bits {
            let mut flipped = file.clone();
            flipped[place] ^= bit;
            let why = refused(&flipped);
            let told = match place {
                0..16 => matches!(why, BackupError::NotABackup),
                16..20 => matches!(why, BackupError::OtherVersion(_)),
                // A number that no version wrote is refused before anybody works on it.
                20..24 => matches!(why, BackupError::Iterations(_) | BackupError::DoesNotOpen),
                24..40 => matches!(why, BackupError::DoesNotOpen),
                _ => matches!(why, BackupError::DoesNotOpen | BackupError::Damaged(_) | BackupError::Truncated),
            };
            assert!(told, "byte {place} bit {bit:#x}: {why:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_that_ends_early_or_late_is_found() {
    let file = a_file(1_031).await;
    let chunks = chunks(&file);
    for (at, length) in &chunks {
        assert!(matches!(refused(&file[..*at]), BackupError::Truncated), "before the chunk at {at}");
        assert!(matches!(refused(&file[..at + length - 1]), BackupError::Truncated), "within the chunk at {at}");
    }
    for end in [0, 7, 16, 39] {
        assert!(matches!(refused(&file[..end]), BackupError::NotABackup | BackupError::Truncated), "{end} bytes");
    }
    assert!(matches!(refused(&[file.as_slice(), b"\n"].concat()), BackupError::Trailing));
    // An earlier chunk that is said to be the last.
    let mut short = file[..chunks[2].0 + chunks[2].1].to_vec();
    short[chunks[2].0] |= 0x80;
    assert!(matches!(refused(&short), BackupError::Damaged(2)));
}

#[tokio::test(start_paused = true)]
async fn chunks_that_change_places_or_files_are_found() {
    let (file, other) = (a_file(1_032).await, a_file(1_033).await);
    let chunks = chunks(&file);
    let part = |file: &[u8], number: usize| file[chunks[number].0..chunks[number].0 + chunks[number].1].to_vec();
    let join = |parts: &[Vec<u8>]| [file[..HEADER].to_vec(), parts.concat()].concat();
    let whole: Vec<Vec<u8>> = (0..chunks.len()).map(|number| part(&file, number)).collect();
    assert_eq!(join(&whole), file);
    let mut swapped = whole.clone();
    swapped.swap(1, 2);
    assert!(matches!(refused(&join(&swapped)), BackupError::Damaged(1)));
    let mut missing = whole.clone();
    missing.remove(1);
    assert!(matches!(refused(&join(&missing)), BackupError::Damaged(1)));
    let mut twice = whole.clone();
    twice.insert(1, whole[1].clone());
    assert!(matches!(refused(&join(&twice)), BackupError::Damaged(2)));
    // The same passphrase, and all but the salt of the header too.
    let mut foreign = whole.clone();
    foreign[1] = part(&other, 1);
    assert!(matches!(refused(&join(&foreign)), BackupError::Damaged(1)));
    let headed = [other[..HEADER].to_vec(), whole.concat()].concat();
    assert!(matches!(refused(&headed), BackupError::DoesNotOpen));
}

#[tokio::test(start_paused = true)]
async fn another_passphrase_opens_nothing() {
    let file = a_file(1_034).await;
    for wrong in ["another passphrase", &PASSPHRASE.to_uppercase(), &format!("{PASSPHRASE} ")] {
        let why = verify(file.as_slice(), &Passphrase::new(wrong).unwrap()).unwrap_err();
        assert!(matches!(why, BackupError::DoesNotOpen), "{wrong}: {why:?}");
        assert!(!why.to_string().contains("passphrase of some"));
    }
    assert!(Passphrase::new("eleven char").is_none() && Passphrase::new("twelve chars").is_some());
    assert!(Passphrase::new("eleven char\n").is_none(), "a line's end is no character");
    assert_eq!(format!("{:?}", passphrase()), "***");
}

async fn refuses(shop: &TestShop, file: &[u8], why: &str) {
    let before = items(shop);
    let contents = read(file);
    let own = shop.app.import(file, &contents, &contents.secret).await;
    let said = own.expect_err("it was imported").to_string();
    assert!(said.contains(why), "{said}");
    assert_eq!(items(shop), before, "something was written");
}

#[tokio::test(start_paused = true)]
async fn nothing_comes_in_over_a_shop_that_lives() {
    let (shop, secrets) = a_small_shop(1_040).await;
    let (file, _) = export(&shop, &secrets, true).await;
    // The very shop it came from, which has lived on.
    refuses(&shop, &file, "there is a shop already").await;
    // A shop with settings alone.
    let other = elsewhere(1_041, &shop, &secrets);
    other.world.set_up().await.unwrap();
    refuses(&other, &file, "there is a shop already").await;
    // A shop that another file was brought into.
    let (second, _) = export(&shop, &secrets, true).await;
    let other = elsewhere(1_042, &shop, &secrets);
    import(&other, &file, &read(&file)).await;
    refuses(&other, &second, "another file").await;
    // A closed and otherwise empty one: its owner has reasons.
    let other = elsewhere(1_043, &shop, &secrets);
    other.pass(1);
    other.app.close_shop().await.unwrap();
    refuses(&other, &file, "its door was moved").await;
}

#[tokio::test(start_paused = true)]
async fn another_secret_or_another_name_is_refused() {
    let (shop, secrets) = a_small_shop(1_050).await;
    let (file, _) = export(&shop, &secrets, true).await;
    let contents = read(&file);
    let other = elsewhere(1_051, &shop, &secrets);
    let why = other.app.import(file.as_slice(), &contents, &Secret32([1; 32])).await.unwrap_err();
    assert!(why.to_string().contains("another secret"), "{why}");
    let renamed = LocalSecrets { shop_id: "another".to_owned(), ..secrets.clone() };
    let mut other = TestShop::empty(1_052, &renamed);
    other.leave_unfinished();
    refuses(&other, &file, "the file is shop").await;
    // The file was exchanged between the two readings.
    let (second, _) = export(&shop, &secrets, true).await;
    let other = elsewhere(1_053, &shop, &secrets);
    let why = other.app.import(second.as_slice(), &contents, &contents.secret).await.unwrap_err();
    assert!(why.to_string().contains("exchanged"), "{why}");
    // What was begun is neither opened, nor audited, nor exported, until it is whole.
    other.pass(3_000);
    assert!(other.app.is_closed().await.unwrap());
    let since = other.app.closed_since().await.unwrap().unwrap();
    assert!(!other.app.open_shop(since).await.unwrap());
    assert_eq!(other.app.audit(app::Scope::Restored, i64::MAX).await.unwrap(), None);
    import(&other, &file, &contents).await;
    assert_eq!(items(&other), items(&shop));
}
