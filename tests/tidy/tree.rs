//! The files that checks read: the project's own, or made up for a test.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// What is wrong with a tree, one sentence each, beginning with the file it is about.
pub type Check = fn(&Tree) -> Vec<String>;

/// Text by path. A picture or another file that is not text is kept as an empty one: it has a name and no lines.
#[derive(Clone, Default)]
pub struct Tree(BTreeMap<String, String>);

impl Tree {
    /// What git tracks, as it lies on the disk; without git everything but what is built.
    pub fn project() -> &'static Tree {
        static PROJECT: OnceLock<Tree> = OnceLock::new();
        PROJECT.get_or_init(|| {
            let root = root();
            let paths = tracked(&root).unwrap_or_else(|| walked(&root));
            let texts = paths.into_iter().filter_map(|path| read(&root.join(&path)).map(|text| (path, text)));
            Tree(texts.collect())
        })
    }

    /// Every file, in the order of paths.
    pub fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// Every Rust file.
    pub fn rust(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files().filter(|(path, _)| path.ends_with(".rs"))
    }

    /// One file.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.0.get(path).map(String::as_str)
    }

    /// The tree with these files added or exchanged, their cut words made whole.
    pub fn with(&self, planted: &[(&str, &str)]) -> Tree {
        let mut tree = self.clone();
        tree.0.extend(planted.iter().map(|(path, text)| ((*path).to_owned(), whole(text))));
        tree
    }

    /// Fails with everything the check found.
    #[track_caller]
    pub fn holds(&self, check: Check) {
        let found = check(self);
        assert!(found.is_empty(), "{} found:\n  {}", found.len(), found.join("\n  "));
    }

    /// Fails unless planting these files makes the check say exactly this, beside what it said before.
    #[track_caller]
    pub fn catches(&self, check: Check, planted: &[(&str, &str)], said: &[&str]) {
        let before = check(self);
        let mut found = check(&self.with(planted));
        found.retain(|sentence| !before.contains(sentence));
        assert_eq!(found, said.iter().map(|s| whole(s)).collect::<Vec<_>>(), "after planting {planted:#?}");
    }

    /// Fails if planting these files makes the check say anything new.
    #[track_caller]
    pub fn spares(&self, check: Check, planted: &[(&str, &str)]) {
        self.catches(check, planted, &[]);
    }
}

/// A word that was cut in two so that the file which forbids it may hold it.
pub fn whole(cut: &str) -> String {
    cut.replace('¦', "")
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// A file that is tracked and deleted is not there to be checked.
fn read(file: &Path) -> Option<String> {
    match fs::read(file) {
        Ok(bytes) => Some(String::from_utf8(bytes).ok().filter(|text| !text.contains('\0')).unwrap_or_default()),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => panic!("{}: {error}", file.display()),
    }
}

fn tracked(root: &Path) -> Option<Vec<String>> {
    // A copy unpacked inside some other repository would seem to track nothing, and nothing breaks no rule.
    if !root.join(".git").exists() {
        return None;
    }
    let answer = Command::new("git").arg("-C").arg(root).args(["ls-files", "-z"]).output().ok()?;
    let list = answer.status.success().then(|| String::from_utf8(answer.stdout).unwrap())?;
    Some(list.split_terminator('\0').map(str::to_owned).collect())
}

fn walked(root: &Path) -> Vec<String> {
    let ignore = fs::read_to_string(root.join(".gitignore")).unwrap_or_default();
    // What `cargo run` and cargo leave behind is named there from the root.
    let left: Vec<PathBuf> = ignore.lines().filter_map(|line| line.strip_prefix('/')).map(|n| root.join(n)).collect();
    let mut paths = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            let (path, name) = (entry.path(), entry.file_name());
            if left.contains(&path) || name == ".git" || name == "target" {
                continue;
            }
            if entry.file_type().unwrap().is_dir() {
                folders.push(path);
            } else {
                let inside = path.strip_prefix(root).unwrap();
                paths.push(inside.iter().map(|part| part.to_str().unwrap()).collect::<Vec<_>>().join("/"));
            }
        }
    }
    paths
}

/// A tree read from the wrong place would pass every check.
#[test]
fn the_project_is_read_and_not_an_empty_folder() {
    // Cargo runs a test in its package's folder. Two copies of the project that share a target folder can share this
    // binary too, and then it would read the copy that it was built in.
    let here = std::env::current_dir().unwrap().canonicalize().unwrap();
    assert_eq!(here, root().join("tests").canonicalize().unwrap(), "built in another copy of the project");
    let project = Tree::project();
    assert!(project.text("Cargo.toml").is_some_and(|text| text.contains("[workspace]")));
    assert!(project.text("tests/tidy/main.rs").is_some_and(|text| text.contains("mod tree;")));
    let walked = walked(&root());
    let unseen: Vec<&str> =
        project.files().map(|(path, _)| path).filter(|path| !walked.iter().any(|w| w == path)).collect();
    assert_eq!(unseen, [""; 0], "found by git and not by walking");
}

#[test]
fn what_is_built_or_kept_by_git_is_not_walked_into() {
    let root = std::env::temp_dir().join(format!("kamivend-tidy-{}", std::process::id()));
    for path in ["a.rs", "b/c.rs", ".ci/run", "b/target/built.rs", ".git/config", "data/kept", ".gitignore"] {
        let file = root.join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, "/data\n").unwrap();
    }
    let mut paths = walked(&root);
    paths.sort();
    fs::remove_dir_all(&root).unwrap();
    assert_eq!(paths, [".ci/run", ".gitignore", "a.rs", "b/c.rs"]);
}

#[test]
fn a_check_that_finds_nothing_new_has_caught_nothing() {
    let blind: Check = |_| Vec::new();
    let fixed: Check = |_| vec!["a: as ever".to_owned()];
    for check in [blind, fixed] {
        let caught = std::panic::catch_unwind(|| Tree::default().catches(check, &[("a", "")], &["a: as ever"]));
        assert!(caught.is_err());
    }
    assert!(std::panic::catch_unwind(|| Tree::default().holds(fixed)).is_err());
    let names: Check = |tree| tree.files().map(|(path, text)| format!("{path}: {text}")).collect();
    assert!(std::panic::catch_unwind(|| Tree::default().spares(names, &[("a", "b¦c")])).is_err());
    Tree::default().catches(names, &[("a", "b¦c")], &["a: bc"]);
}
