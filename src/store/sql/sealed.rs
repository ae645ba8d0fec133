//! What of a row is personal, sealed; and the keyed hashes that a line and a number are found by.
//!
//! The key of the hashes is made once, when a store is first opened, and lies in the store, sealed
//! like all else. So it is the same for every replica, and stays what it is when keys rotate: what is
//! open for a line is found whoever recorded it, and when.

use ring::digest::{SHA256, digest};
use ring::hmac;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use crate::call::{Login, PhoneNumber};
use crate::digest::hex;
use crate::seal::{Closed, Keys, key_of, random};
use crate::store::schema::Failed;
use crate::store::sql::statements::SEALED_BY;
use crate::store::sql::unusable;
use crate::store::{Answer, CallRow, Order, Payload, StoreError};

/// Where the key of the hashes belongs.
const INDEX: &str = "secrets:index";
/// Rows of an older build that are sealed in one go.
const PAGE: i64 = 500;

/// Seals and opens rows. Without keys it does neither.
#[derive(Clone, Debug)]
pub(super) struct Seals {
    keys: Keys,
    index: Option<hmac::Key>,
}

fn no_keys() -> StoreError {
    StoreError::Unusable("the store is sealed, and there is no key".to_owned())
}

fn cannot(error: impl std::fmt::Display) -> StoreError {
    StoreError::Unusable(format!("a row cannot be sealed: {error}"))
}

impl Seals {
    /// What seals this store; refuses keys that open too little of it.
    pub(super) async fn open(connection: &mut AnyConnection, keys: &Keys) -> Answer<Self> {
        let index = if keys.first().is_none() {
            None
        } else {
            Some(index(connection, keys).await.map_err(|failed| failed.0)?)
        };
        let seals = Self {
            keys: keys.clone(),
            index,
        };
        if seals.index.is_some() {
            seals.check(connection).await?;
        }
        Ok(seals)
    }

    /// After the keys were replaced.
    pub(super) async fn again(&self, connection: &mut AnyConnection) -> Answer<()> {
        Self::open(connection, &self.keys).await.map(drop)
    }

    /// An order that has not ended must not wait for a key that is gone.
    async fn check(&self, connection: &mut AnyConnection) -> Answer<()> {
        let heads: Vec<Vec<u8>> = sqlx::query_scalar(SEALED_BY)
            .fetch_all(connection)
            .await
            .map_err(|error| unusable(&error))?;
        let gone = heads.iter().filter_map(|head| key_of(head));
        match gone.into_iter().find(|id| !self.keys.has(*id)) {
            None => Ok(()),
            Some(id) => Err(closed("orders that have not ended are", Closed::Key(id))),
        }
    }

    fn hash(&self, what: &str, text: &str) -> Answer<String> {
        let index = self.index.as_ref().ok_or_else(no_keys)?;
        Ok(hash(index, what, text))
    }

    /// What a line is found by.
    pub(super) fn login(&self, login: &Login) -> Answer<String> {
        self.hash("login", login.reveal())
    }

    /// What a number is found by; nothing for none.
    pub(super) fn number(&self, number: Option<&PhoneNumber>) -> Answer<String> {
        number.map_or_else(
            || Ok(String::new()),
            |number| self.hash("number", number.reveal()),
        )
    }

    /// All of an order but its key, sealed.
    pub(super) fn order(&self, order: &Order) -> Answer<Vec<u8>> {
        let plain = (&order.login, &order.contact, &order.payload);
        let plain = postcard::to_stdvec(&plain).map_err(cannot)?;
        let sealed = self.keys.seal_value(&place("order", &order.key), &plain);
        sealed.map_err(cannot)
    }

    /// What was sealed of an order; what does not open, is damaged.
    pub(super) fn open_order(&self, key: String, sealed: &[u8]) -> Order {
        let opened = self.keys.open_value(&place("order", &key), sealed);
        let opened = opened.ok().and_then(|bytes| {
            postcard::from_bytes::<(Login, Option<PhoneNumber>, Payload)>(&bytes).ok()
        });
        let nobody = || (Login::nobody(), None, Payload::DAMAGED);
        let (login, contact, payload) = opened.unwrap_or_else(nobody);
        Order {
            key,
            login,
            contact,
            payload,
        }
    }

    /// What a call's number is found by, and all that is personal of its record, sealed.
    pub(super) fn call(&self, call: &CallRow) -> Answer<(String, Vec<u8>)> {
        let number = self.number(call.from.as_ref())?;
        let plain = postcard::to_stdvec(&(&call.from, &call.body)).map_err(cannot)?;
        let sealed = self.keys.seal_value(&place("call", &call.call_key), &plain);
        Ok((number, sealed.map_err(cannot)?))
    }

    /// What was sealed of a call's record; nothing, if it does not open.
    pub(super) fn open_call(&self, key: &str, sealed: &[u8]) -> (Option<PhoneNumber>, String) {
        let opened = self.keys.open_value(&place("call", key), sealed).ok();
        let opened = opened.and_then(|bytes| postcard::from_bytes(&bytes).ok());
        opened.unwrap_or_default()
    }
}

fn place(what: &str, key: &str) -> String {
    format!("{what}:{key}")
}

fn hash(index: &hmac::Key, what: &str, text: &str) -> String {
    hex(hmac::sign(index, place(what, text).as_bytes()).as_ref())
}

fn closed(what: &str, why: Closed) -> StoreError {
    StoreError::Unusable(format!(
        "{what} {why}\n\nhint: all replicas of a store have one file of `journal.keys`; a key may go \
         when nothing is left that it sealed; of a lost one there is a backup, or the store begins \
         anew"
    ))
}

/// The key of the hashes, made if there is none; sealed by the first of the keys from now on.
async fn index(connection: &mut AnyConnection, keys: &Keys) -> Result<hmac::Key, Failed> {
    let asked = "SELECT sealed FROM secrets WHERE name = 'index'";
    let mut known: Option<Vec<u8>> = sqlx::query_scalar(asked)
        .fetch_optional(&mut *connection)
        .await?;
    if known.is_none() {
        let new = random::<32>().and_then(|new| keys.seal_value(INDEX, &new));
        let new = new.map_err(|error| Failed(cannot(error)))?;
        // Of several that open a new store at once, one makes it.
        let made = "INSERT INTO secrets (name, sealed) VALUES ('index', $1) ON CONFLICT DO NOTHING";
        sqlx::query(made)
            .bind(new)
            .execute(&mut *connection)
            .await?;
        known = sqlx::query_scalar(asked)
            .fetch_optional(&mut *connection)
            .await?;
    }
    let sealed = known.unwrap_or_default();
    let secret = keys
        .open_value(INDEX, &sealed)
        .map_err(|why| Failed(closed("the store is", why)))?;
    if key_of(&sealed) != keys.first() {
        let anew = keys.seal_value(INDEX, &secret);
        let anew = anew.map_err(|error| Failed(cannot(error)))?;
        let put = "UPDATE secrets SET sealed = $1 WHERE name = 'index' AND sealed = $2";
        let put = sqlx::query(put).bind(anew).bind(sealed);
        put.execute(&mut *connection).await?;
    }
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &secret))
}

/// Seals what an older build wrote in plain text. Whose number it is was not known to it.
pub(in crate::store) async fn seal_all(
    connection: &mut AnyConnection,
    keys: &Keys,
) -> Result<(), Failed> {
    let some = "SELECT count(*) FROM (SELECT intent_key FROM ticket_intents UNION ALL \
                SELECT call_key FROM calls) AS every";
    let rows: i64 = sqlx::query_scalar(some).fetch_one(&mut *connection).await?;
    if rows == 0 {
        return Ok(());
    }
    if keys.first().is_none() {
        let why = "an older build wrote the store, and what it wrote has to be sealed\n\n\
                   hint: start the service first";
        return Err(Failed(StoreError::Unusable(why.to_owned())));
    }
    let index = Some(index(connection, keys).await?);
    let seals = Seals {
        keys: keys.clone(),
        index,
    };
    while seals.seal_intents(connection).await? || seals.seal_calls(connection).await? {}
    Ok(())
}

impl Seals {
    /// A page of them; whether there were some.
    async fn seal_intents(&self, connection: &mut AnyConnection) -> Result<bool, Failed> {
        let plain = "SELECT intent_key, login_hash, payload, digest FROM ticket_intents \
                     WHERE length(sealed) = 0 LIMIT $1";
        let rows = sqlx::query(plain).bind(PAGE);
        let rows: Vec<AnyRow> = rows.fetch_all(&mut *connection).await?;
        for row in &rows {
            let login: String = row.try_get("login_hash")?;
            let (bytes, frozen): (Vec<u8>, Vec<u8>) =
                (row.try_get("payload")?, row.try_get("digest")?);
            let is_intact = digest(&SHA256, &bytes).as_ref() == frozen;
            let order = Order {
                key: row.try_get("intent_key")?,
                login: Login::new(&login).unwrap_or_else(Login::nobody),
                contact: None,
                payload: if is_intact {
                    Payload::new(bytes)
                } else {
                    Payload::DAMAGED
                },
            };
            let put =
                "UPDATE ticket_intents SET login_hash = $1, sealed = $2 WHERE intent_key = $3";
            let put = sqlx::query(put)
                .bind(self.login(&order.login).map_err(Failed)?)
                .bind(self.order(&order).map_err(Failed)?)
                .bind(order.key);
            put.execute(&mut *connection).await?;
        }
        Ok(!rows.is_empty())
    }

    /// The same, of call records.
    async fn seal_calls(&self, connection: &mut AnyConnection) -> Result<bool, Failed> {
        let plain = "SELECT call_key, body FROM calls WHERE length(sealed) = 0 LIMIT $1";
        let rows = sqlx::query(plain).bind(PAGE);
        let rows: Vec<AnyRow> = rows.fetch_all(&mut *connection).await?;
        for row in &rows {
            let call = CallRow {
                call_key: row.try_get("call_key")?,
                began: 0,
                resumes: 0,
                closed: true,
                from: None,
                body: row.try_get("body")?,
            };
            let (_, sealed) = self.call(&call).map_err(Failed)?;
            let put = "UPDATE calls SET sealed = $1 WHERE call_key = $2";
            let put = sqlx::query(put).bind(sealed).bind(call.call_key);
            put.execute(&mut *connection).await?;
        }
        Ok(!rows.is_empty())
    }
}
