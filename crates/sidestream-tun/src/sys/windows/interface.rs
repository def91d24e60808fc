//! An adapter as a network interface of Windows.

use std::io;

use windows_sys::Win32::Foundation::{ERROR_NOT_FOUND, NO_ERROR, WIN32_ERROR};
use windows_sys::Win32::NetworkManagement::IpHelper::{
    ConvertInterfaceAliasToLuid, ConvertInterfaceLuidToAlias, ConvertInterfaceLuidToIndex,
    GetIpInterfaceEntry, InitializeIpInterfaceEntry, MIB_IPINTERFACE_ROW, SetIpInterfaceEntry,
};
use windows_sys::Win32::NetworkManagement::Ndis::{IF_MAX_STRING_SIZE, NET_LUID_LH};
use windows_sys::Win32::Networking::WinSock::{ADDRESS_FAMILY, AF_INET, AF_INET6};

use super::library::wide;

/// The least that IPv6 takes, RFC 8200 §5.
const MTU_V6: u32 = 1280;

/// Tells whether an interface has this name.
pub(super) fn is_there(name: &str) -> bool {
    let (name, mut luid) = (wide(name), NET_LUID_LH::default());
    // SAFETY: the name is live and ends in a zero; the identifier is live.
    unsafe { ConvertInterfaceAliasToLuid(name.as_ptr(), &raw mut luid) == NO_ERROR }
}

pub(super) fn name(luid: NET_LUID_LH) -> io::Result<String> {
    let mut name = [0_u16; IF_MAX_STRING_SIZE as usize + 1];
    // SAFETY: the identifier is live, and so is the buffer, which is as long as is said.
    check(unsafe { ConvertInterfaceLuidToAlias(&raw const luid, name.as_mut_ptr(), name.len()) })?;
    let name = name.split(|unit| *unit == 0).next().unwrap_or_default();
    Ok(String::from_utf16_lossy(name))
}

pub(super) fn index(luid: NET_LUID_LH) -> io::Result<u32> {
    let mut index = 0;
    // SAFETY: both are live.
    check(unsafe { ConvertInterfaceLuidToIndex(&raw const luid, &raw mut index) })?;
    Ok(index)
}

/// Sets the MTU for IPv4 and, where there is that and it takes as little, for IPv6.
pub(super) fn set_mtu(luid: NET_LUID_LH, mtu: u32) -> io::Result<()> {
    set_mtu_of(luid, AF_INET, mtu)?;
    if mtu < MTU_V6 {
        return Ok(());
    }
    match set_mtu_of(luid, AF_INET6, mtu) {
        // IPv6 is off.
        Err(error) if error.raw_os_error() == Some(ERROR_NOT_FOUND as i32) => Ok(()),
        done => done,
    }
}

fn set_mtu_of(luid: NET_LUID_LH, family: ADDRESS_FAMILY, mtu: u32) -> io::Result<()> {
    let mut row = MIB_IPINTERFACE_ROW::default();
    // SAFETY: the row is live.
    unsafe { InitializeIpInterfaceEntry(&raw mut row) };
    row.InterfaceLuid = luid;
    row.Family = family;
    // SAFETY: the row is live and says which interface.
    check(unsafe { GetIpInterfaceEntry(&raw mut row) })?;
    row.NlMtu = mtu;
    if family == AF_INET {
        // What was read here is refused when it is set.
        row.SitePrefixLength = 0;
    }
    // SAFETY: the row is live and was read from Windows.
    check(unsafe { SetIpInterfaceEntry(&raw mut row) })
}

fn check(returned: WIN32_ERROR) -> io::Result<()> {
    if returned == NO_ERROR { Ok(()) } else { Err(io::Error::from_raw_os_error(returned as i32)) }
}
