//! The fake driver passes the suite; drivers that are broken do not.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod broken;
mod faulty;
mod frame;
mod link;
mod redirect;

mod fake {
    sidestream_capture_test::suite!(sidestream_capture_test::fake::FakeGround::new());
}
