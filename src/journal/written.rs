//! JSON as this build writes it: no space, no escape, every field in its place. Most lines of a
//! recording are so, and need no look-up of names. Whatever is otherwise, however right, is refused
//! without a word: it is to be read as JSON.
//!
//! A value that is read here is the one that `serde_json` reads from the same text.

use std::fmt;

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, EnumAccess, Error, SeqAccess, VariantAccess,
    Visitor,
};
use serde::forward_to_deserialize_any;

/// Reads JSON, quickly if it is as we write it.
pub fn from_slice<'de, T: Deserialize<'de>>(text: &'de [u8]) -> serde_json::Result<T> {
    // One look at all of a line is quicker than one at each of its strings.
    match std::str::from_utf8(text) {
        Ok(text) => read(text).map_or_else(|| serde_json::from_str(text), Ok),
        Err(_) => serde_json::from_slice(text),
    }
}

/// Reads a whole text; `None` if it is not as we write it.
pub fn read<'de, T: Deserialize<'de>>(text: &'de str) -> Option<T> {
    let mut written = Written { text };
    let read = T::deserialize(&mut written).ok()?;
    written.text.is_empty().then_some(read)
}

/// What is left of a text.
struct Written<'de> {
    text: &'de str,
}

/// It is not as we write it.
#[derive(Debug)]
struct Otherwise;

impl fmt::Display for Otherwise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not as it is written here")
    }
}

impl std::error::Error for Otherwise {}

impl Error for Otherwise {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

impl<'de> Written<'de> {
    fn eat(&mut self, what: &str) -> Result<(), Otherwise> {
        self.text = self.text.strip_prefix(what).ok_or(Otherwise)?;
        Ok(())
    }

    /// `"name":`, if that comes next.
    fn eat_name(&mut self, name: &str) -> Result<(), Otherwise> {
        let rest = self.text.strip_prefix('"').ok_or(Otherwise)?;
        let rest = rest.strip_prefix(name).ok_or(Otherwise)?;
        self.text = rest.strip_prefix("\":").ok_or(Otherwise)?;
        Ok(())
    }

    /// A string in which every character stands for itself.
    fn string(&mut self) -> Result<&'de str, Otherwise> {
        let text = self.text.strip_prefix('"').ok_or(Otherwise)?;
        let special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
        let end = text.as_bytes().iter().position(special).ok_or(Otherwise)?;
        let (string, rest) = text.split_at_checked(end).ok_or(Otherwise)?;
        self.text = rest.strip_prefix('"').ok_or(Otherwise)?;
        Ok(string)
    }

    /// A number without sign, point and exponent. One that goes on behind its end is followed by
    /// nothing that may follow it.
    fn number(&mut self) -> Result<u64, Otherwise> {
        let bytes = self.text.as_bytes();
        let (mut number, mut len) = (0u64, 0);
        while let Some(digit @ b'0'..=b'9') = bytes.get(len) {
            let more = number.checked_mul(10).ok_or(Otherwise)?;
            let digit = u64::from(digit - b'0');
            number = more.checked_add(digit).ok_or(Otherwise)?;
            len += 1;
        }
        if len == 0 || (len > 1 && bytes.first() == Some(&b'0')) {
            return Err(Otherwise);
        }
        self.text = self.text.get(len..).ok_or(Otherwise)?;
        Ok(number)
    }
}

impl<'de> Deserializer<'de> for &mut Written<'de> {
    type Error = Otherwise;

    /// What describes itself is left to JSON.
    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Otherwise> {
        Err(Otherwise)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Otherwise> {
        let is = self.text.starts_with('t');
        self.eat(if is { "true" } else { "false" })?;
        visitor.visit_bool(is)
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Otherwise> {
        visitor.visit_u64(self.number()?)
    }

    fn deserialize_u8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Otherwise> {
        self.deserialize_u64(visitor)
    }

    fn deserialize_u16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Otherwise> {
        self.deserialize_u64(visitor)
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Otherwise> {
        self.deserialize_u64(visitor)
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Otherwise> {
        let Some(rest) = self.text.strip_prefix('-') else {
            return self.deserialize_u64(visitor);
        };
        self.text = rest;
        let number = 0i64.checked_sub_unsigned(self.number()?);
        // JSON knows a zero below zero.
        visitor.visit_i64(number.filter(|number| *number < 0).ok_or(Otherwise)?)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Otherwise> {
        visitor.visit_borrowed_str(self.string()?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Otherwise> {
        self.deserialize_str(visitor)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Otherwise> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Otherwise> {
        if let Some(rest) = self.text.strip_prefix("null") {
            self.text = rest;
            return visitor.visit_none();
        }
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Otherwise> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Otherwise> {
        self.eat("[")?;
        let list = List {
            written: self,
            begun: false,
        };
        let read = visitor.visit_seq(list)?;
        self.eat("]")?;
        Ok(read)
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Otherwise> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Otherwise> {
        self.eat("{")?;
        let fields = Fields {
            written: self,
            names: fields.iter(),
            begun: false,
        };
        let read = visitor.visit_seq(fields)?;
        self.eat("}")?;
        Ok(read)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Otherwise> {
        let Some(rest) = self.text.strip_prefix('{') else {
            let name: BorrowedStrDeserializer<'de, Otherwise> =
                BorrowedStrDeserializer::new(self.string()?);
            return visitor.visit_enum(name);
        };
        self.text = rest;
        let read = visitor.visit_enum(&mut *self)?;
        self.eat("}")?;
        Ok(read)
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i128 u128 f32 f64 bytes byte_buf unit unit_struct tuple_struct map identifier
        ignored_any
    }
}

/// The items of a list.
struct List<'w, 'de> {
    written: &'w mut Written<'de>,
    begun: bool,
}

impl<'de> SeqAccess<'de> for List<'_, 'de> {
    type Error = Otherwise;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Otherwise> {
        if self.written.text.starts_with(']') {
            return Ok(None);
        }
        if std::mem::replace(&mut self.begun, true) {
            self.written.eat(",")?;
        }
        seed.deserialize(&mut *self.written).map(Some)
    }
}

/// The fields of a structure. One that is not there is `None`, or it is no field that may be left
/// out.
struct Fields<'w, 'de> {
    written: &'w mut Written<'de>,
    names: std::slice::Iter<'static, &'static str>,
    begun: bool,
}

impl<'de> SeqAccess<'de> for Fields<'_, 'de> {
    type Error = Otherwise;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Otherwise> {
        let name = self.names.next().ok_or(Otherwise)?;
        let before = self.written.text;
        let comma = if self.begun {
            self.written.eat(",")
        } else {
            Ok(())
        };
        if comma.and_then(|()| self.written.eat_name(name)).is_err() {
            self.written.text = before;
            return seed.deserialize(Left).map(Some);
        }
        self.begun = true;
        seed.deserialize(&mut *self.written).map(Some)
    }
}

/// In place of a field that was left out.
struct Left;

impl<'de> Deserializer<'de> for Left {
    type Error = Otherwise;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Otherwise> {
        Err(Otherwise)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Otherwise> {
        visitor.visit_none()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de> EnumAccess<'de> for &mut Written<'de> {
    type Error = Otherwise;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Otherwise> {
        let name = BorrowedStrDeserializer::new(self.string()?);
        self.eat(":")?;
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'de> VariantAccess<'de> for &mut Written<'de> {
    type Error = Otherwise;

    /// It would be a mere string.
    fn unit_variant(self) -> Result<(), Otherwise> {
        Err(Otherwise)
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Otherwise> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Otherwise> {
        self.deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Otherwise> {
        self.deserialize_struct("", fields, visitor)
    }
}
