//! Programs of others on the same hook, made of a few instructions.

use std::fs::File;
use std::path::Path;

use aya::Ebpf;
use aya::programs::{CgroupAttachMode, CgroupSockAddr};
use object::write::{Object, Symbol, SymbolSection};
use object::{
    Architecture, BinaryFormat, Endianness, SectionKind, SymbolFlags, SymbolKind, SymbolScope,
};

/// Where `struct bpf_sock_addr` has the destination's port, in the order of the network.
const USER_PORT: i16 = 24;

/// Denies every connection to a port.
pub(crate) fn denies(port: u16) -> Vec<u64> {
    vec![load_port(), set(0, 1), skip_unless(port, 1), set(0, 0), exit()]
}

/// Sends every connection to one port to another one.
pub(crate) fn rewrites(from: u16, to: u16) -> Vec<u64> {
    let swapped = i32::from(to.to_be());
    vec![load_port(), set(0, 1), skip_unless(from, 2), set(2, swapped), store_port(), exit()]
}

fn instruction(code: u8, to: u8, from: u8, offset: i16, value: i32) -> u64 {
    let [offset_low, offset_high] = offset.to_le_bytes();
    let [a, b, c, d] = value.to_le_bytes();
    u64::from_le_bytes([code, to | from << 4, offset_low, offset_high, a, b, c, d])
}

fn load_port() -> u64 {
    instruction(0x61, 2, 1, USER_PORT, 0)
}

fn store_port() -> u64 {
    instruction(0x63, 1, 2, USER_PORT, 0)
}

fn set(register: u8, value: i32) -> u64 {
    instruction(0xb7, register, 0, 0, value)
}

fn skip_unless(port: u16, count: i16) -> u64 {
    instruction(0x55, 2, 0, count, i32::from(port.to_be()))
}

fn exit() -> u64 {
    instruction(0x95, 0, 0, 0, 0)
}

/// Attaches a program to `connect4` of a cgroup; it goes when what is returned does.
pub(crate) fn attach(cgroup: &Path, instructions: &[u64]) -> Ebpf {
    let mut ebpf = Ebpf::load(&object(instructions)).unwrap();
    let program: &mut CgroupSockAddr = ebpf.program_mut("other").unwrap().try_into().unwrap();
    program.load().unwrap();
    program.attach(File::open(cgroup).unwrap(), CgroupAttachMode::Single).unwrap();
    ebpf
}

/// Loads a program without attaching it, and returns its number.
pub(crate) fn load(instructions: &[u64]) -> (Ebpf, u32) {
    let mut ebpf = Ebpf::load(&object(instructions)).unwrap();
    let program: &mut CgroupSockAddr = ebpf.program_mut("other").unwrap().try_into().unwrap();
    program.load().unwrap();
    let id = program.info().unwrap().id();
    (ebpf, id)
}

fn object(instructions: &[u64]) -> Vec<u8> {
    let mut object = Object::new(BinaryFormat::Elf, Architecture::Bpf, Endianness::Little);
    let code: Vec<u8> = instructions.iter().flat_map(|it| it.to_le_bytes()).collect();
    let section = object.add_section(Vec::new(), b"cgroup/connect4".to_vec(), SectionKind::Text);
    object.append_section_data(section, &code, 8);
    object.add_symbol(Symbol {
        name: b"other".to_vec(),
        value: 0,
        size: code.len() as u64,
        kind: SymbolKind::Text,
        scope: SymbolScope::Dynamic,
        weak: false,
        section: SymbolSection::Section(section),
        flags: SymbolFlags::None,
    });
    object.write().unwrap()
}
