//! What views make of good, broken and cut content.
