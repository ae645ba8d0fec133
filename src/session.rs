//! One live call: gateway events, wake-ups and findings into the dialog; its only clock.
