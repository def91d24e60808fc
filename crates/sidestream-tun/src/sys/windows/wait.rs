//! Waking a task when an event of Windows is signaled.

use std::ffi::c_void;
use std::io;
use std::ptr::null_mut;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Waker;

use windows_sys::Win32::Foundation::{HANDLE, INVALID_HANDLE_VALUE};
use windows_sys::Win32::System::Threading::{
    INFINITE, RegisterWaitForSingleObject, UnregisterWaitEx, WT_EXECUTEDEFAULT,
};

/// Who is to be woken.
type Waiting = Mutex<Option<Waker>>;

/// A wait by Windows's own pool of threads, one of which waits for many events; it begins again
/// after each signal. Dropping it waits for a call that is under way, so a waker must not be what
/// keeps it: those of tokio are not.
#[derive(Debug)]
pub(super) struct Wait {
    handle: HANDLE,
    waiting: Arc<Waiting>,
}

// SAFETY: the handle belongs to no thread.
unsafe impl Send for Wait {}

impl Wait {
    /// Waits for an event.
    ///
    /// # Safety
    ///
    /// The event is open until the wait was dropped.
    pub(super) unsafe fn new(event: HANDLE) -> io::Result<Self> {
        let waiting = Arc::new(Waiting::default());
        let (mut handle, context) = (null_mut(), Arc::as_ptr(&waiting).cast());
        let (to, flags) = (&raw mut handle, WT_EXECUTEDEFAULT);
        // SAFETY: the event is open, and the context lives until no call is under way any more.
        let registered = unsafe {
            RegisterWaitForSingleObject(to, event, Some(signaled), context, INFINITE, flags)
        };
        if registered == 0 { Err(io::Error::last_os_error()) } else { Ok(Self { handle, waiting }) }
    }

    /// Has a task woken by the next signal. One that came before wakes nobody: what it told of
    /// has to be looked for after this.
    pub(super) fn wake(&self, waker: &Waker) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *waiting {
            Some(present) => present.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        // SAFETY: the wait is registered. The call returns once no `signaled` runs any more, so
        // that none sees the context after this.
        if unsafe { UnregisterWaitEx(self.handle, INVALID_HANDLE_VALUE) } == 0 {
            let error = io::Error::last_os_error();
            tracing::warn!(%error, "wait not ended");
            // Somebody may look at it yet.
            std::mem::forget(Arc::clone(&self.waiting));
        }
    }
}

/// Is called in a thread of the pool's.
unsafe extern "system" fn signaled(context: *mut c_void, _is_timeout: bool) {
    // SAFETY: the context is that of a wait that is registered, which keeps it.
    let waiting = unsafe { &*context.cast::<Waiting>() };
    let waker = waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
    // Without the lock, which whoever is woken may want.
    if let Some(waker) = waker {
        waker.wake();
    }
}
