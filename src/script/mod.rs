//! Call scripts: `tests/calls/*.call`.
