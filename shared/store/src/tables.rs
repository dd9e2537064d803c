//! The five tables: apart, so that a role can be refused one.

/// A table by its purpose.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Table {
    /// Claim strips and each product's head: who owns which card.
    Strips,
    /// Orders, their details, and money rows.
    Orders,
    /// Ciphertexts of cards and the hashes that find duplicates.
    Vault,
    /// Products, channels, wrapped data keys, staff, settings.
    Shop,
    /// Courtesy counters with a time to live; never truth.
    Limits,
}

impl Table {
    /// All tables.
    pub const ALL: [Table; 5] = [Table::Strips, Table::Orders, Table::Vault, Table::Shop, Table::Limits];

    /// Its name without a deployment's prefix.
    pub fn as_str(&self) -> &'static str {
        match self {
            Table::Strips => "strips",
            Table::Orders => "orders",
            Table::Vault => "vault",
            Table::Shop => "shop",
            Table::Limits => "limits",
        }
    }
}

/// The names of the tables in one deployment: a prefix and the purpose.
#[derive(Clone, Debug)]
pub struct Tables {
    prefix: String,
}

impl Tables {
    /// Tables named `<prefix>-<purpose>`.
    pub fn with_prefix(prefix: &str) -> Tables {
        Tables { prefix: prefix.to_owned() }
    }

    /// The full name of a table.
    pub fn name(&self, table: Table) -> String {
        format!("{}-{}", self.prefix, table.as_str())
    }
}

/// The type of a key attribute.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyKind {
    /// `S`
    Text,
    /// `N`
    Number,
    /// `B`
    Binary,
}

/// The key of a table or an index: the partition key, and the sort key where there is one.
pub type Key = (&'static str, KeyKind, Option<(&'static str, KeyKind)>);

/// How a table is keyed. The local world creates tables from this, and the deployment template must agree with it.
#[derive(Clone, Debug)]
pub struct TableShape {
    /// Which table.
    pub table: Table,
    /// Its key.
    pub key: Key,
    /// Keys-only indexes: name and key.
    pub indexes: &'static [(&'static str, Key)],
    /// The attribute DynamoDB reads as time to live, in seconds.
    pub ttl: Option<&'static str>,
}

/// The seller's list of orders by day, sharded so that one day is not one partition.
pub const BY_DAY: &str = "by_day";
/// The orders of one contact, by its keyed hash.
pub const BY_CONTACT: &str = "by_contact";
/// What still needs doing and owns no slot. Sparse: nothing on the happy path.
pub const DUE: &str = "due";

/// The shapes of all tables.
pub fn shapes() -> [TableShape; 5] {
    use KeyKind::{Binary, Number, Text};
    [
        TableShape { table: Table::Strips, key: ("k", Text, None), indexes: &[], ttl: None },
        TableShape {
            table: Table::Orders,
            key: ("o", Binary, None),
            indexes: &[
                (BY_DAY, ("day", Text, Some(("t_new", Number)))),
                (BY_CONTACT, ("ch", Binary, Some(("t_new", Number)))),
                (DUE, ("due", Text, Some(("due_at", Number)))),
            ],
            ttl: Some("ttl"),
        },
        TableShape { table: Table::Vault, key: ("k", Text, None), indexes: &[], ttl: None },
        TableShape { table: Table::Shop, key: ("kind", Text, Some(("id", Text))), indexes: &[], ttl: None },
        TableShape { table: Table::Limits, key: ("k", Text, None), indexes: &[], ttl: Some("ttl") },
    ]
}
