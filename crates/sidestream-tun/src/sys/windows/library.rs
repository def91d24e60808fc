//! The functions of `wintun.dll`, as `wintun.h` of 0.14 declares them.

use std::ffi::{CStr, c_void};
use std::io;
use std::mem::transmute;
use std::ptr::null_mut;

use windows_sys::Win32::Foundation::{HANDLE, HMODULE};
use windows_sys::Win32::NetworkManagement::Ndis::NET_LUID_LH;
use windows_sys::Win32::System::LibraryLoader::{
    GetProcAddress, LOAD_LIBRARY_SEARCH_APPLICATION_DIR, LOAD_LIBRARY_SEARCH_SYSTEM32,
    LoadLibraryExW,
};
use windows_sys::core::GUID;

use crate::OpenError;

/// What Windows gives for a function of any kind.
type Function = unsafe extern "system" fn() -> isize;
/// An adapter, or a session, as Wintun knows it.
pub(super) type Handle = *mut c_void;

type AllocateSendPacket = unsafe extern "system" fn(Handle, u32) -> *mut u8;
type Close = unsafe extern "system" fn(Handle);
type CreateAdapter = unsafe extern "system" fn(*const u16, *const u16, *const GUID) -> Handle;
type GetAdapterLuid = unsafe extern "system" fn(Handle, *mut NET_LUID_LH);
type GetReadWaitEvent = unsafe extern "system" fn(Handle) -> HANDLE;
type ReceivePacket = unsafe extern "system" fn(Handle, *mut u32) -> *mut u8;
type StartSession = unsafe extern "system" fn(Handle, u32) -> Handle;
type WithPacket = unsafe extern "system" fn(Handle, *const u8);

/// The library, which stays loaded until the process ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wintun {
    pub(super) allocate_send_packet: AllocateSendPacket,
    pub(super) close_adapter: Close,
    pub(super) create_adapter: CreateAdapter,
    pub(super) end_session: Close,
    pub(super) get_adapter_luid: GetAdapterLuid,
    pub(super) get_read_wait_event: GetReadWaitEvent,
    pub(super) receive_packet: ReceivePacket,
    pub(super) release_receive_packet: WithPacket,
    pub(super) send_packet: WithPacket,
    pub(super) start_session: StartSession,
}

impl Wintun {
    /// Loads it from the folder of the program, or else of the system: not from where it was
    /// started, which may be anybody's.
    pub(super) fn load() -> Result<Self, OpenError> {
        let name = wide("wintun.dll");
        let folders = LOAD_LIBRARY_SEARCH_APPLICATION_DIR | LOAD_LIBRARY_SEARCH_SYSTEM32;
        // SAFETY: the name is live and ends in a zero; what a library does as it is loaded is
        // trusted to whoever may write into the program's folder.
        let library = unsafe { LoadLibraryExW(name.as_ptr(), null_mut(), folders) };
        if library.is_null() {
            return Err(OpenError::NoWintun(io::Error::last_os_error()));
        }
        let find = |name| find(library, name);
        // SAFETY: these are the types that the library's header gives its functions, and it is
        // never unloaded.
        Ok(unsafe {
            Self {
                allocate_send_packet: transmute::<Function, AllocateSendPacket>(find(
                    c"WintunAllocateSendPacket",
                )?),
                close_adapter: transmute::<Function, Close>(find(c"WintunCloseAdapter")?),
                create_adapter: transmute::<Function, CreateAdapter>(find(c"WintunCreateAdapter")?),
                end_session: transmute::<Function, Close>(find(c"WintunEndSession")?),
                get_adapter_luid: transmute::<Function, GetAdapterLuid>(find(
                    c"WintunGetAdapterLUID",
                )?),
                get_read_wait_event: transmute::<Function, GetReadWaitEvent>(find(
                    c"WintunGetReadWaitEvent",
                )?),
                receive_packet: transmute::<Function, ReceivePacket>(find(c"WintunReceivePacket")?),
                release_receive_packet: transmute::<Function, WithPacket>(find(
                    c"WintunReleaseReceivePacket",
                )?),
                send_packet: transmute::<Function, WithPacket>(find(c"WintunSendPacket")?),
                start_session: transmute::<Function, StartSession>(find(c"WintunStartSession")?),
            }
        })
    }
}

fn find(library: HMODULE, name: &'static CStr) -> Result<Function, OpenError> {
    // SAFETY: the library is loaded, and the name ends in a zero.
    let found = unsafe { GetProcAddress(library, name.as_ptr().cast()) };
    found.ok_or_else(|| OpenError::OldWintun {
        function: name.to_str().unwrap_or_default(),
        source: io::Error::last_os_error(),
    })
}

/// Gives text as Windows takes it, with the zero that ends it.
pub(super) fn wide(text: &str) -> Vec<u16> {
    text.encode_utf16().chain([0]).collect()
}
