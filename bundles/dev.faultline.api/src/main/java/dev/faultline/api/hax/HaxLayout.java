// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.hax;

import static java.lang.foreign.MemoryLayout.paddingLayout;
import static java.lang.foreign.MemoryLayout.sequenceLayout;
import static java.lang.foreign.MemoryLayout.structLayout;
import static java.lang.foreign.MemoryLayout.unionLayout;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** The structures, packed and little-endian; fields have the names of the public header. */
public final class HaxLayout {
    private static final ValueLayout.OfByte U8 = ValueLayout.JAVA_BYTE;
    private static final ValueLayout.OfShort U16 =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt U32 =
            ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong U64 =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    /** hax_module_version. */
    public static final StructLayout MODULE_VERSION =
            structLayout(U32.withName("compat_version"), U32.withName("cur_version"));

    /** hax_capabilityinfo. */
    public static final StructLayout CAPABILITY =
            structLayout(
                    U16.withName("wstatus"),
                    U16.withName("winfo"),
                    U32.withName("win_refcount"),
                    U64.withName("mem_quota"));

    /** hax_set_memlimit. */
    public static final StructLayout MEMLIMIT =
            structLayout(
                    U8.withName("enable_memlimit"), paddingLayout(7), U64.withName("memory_limit"));

    /** hax_qemu_version. */
    public static final StructLayout QEMU_VERSION =
            structLayout(U32.withName("cur_version"), U32.withName("least_version"));

    /** hax_alloc_ram_info. */
    public static final StructLayout ALLOC_RAM =
            structLayout(U32.withName("size"), U32.withName("pad"), U64.withName("va"));

    /** hax_ramblock_info. */
    public static final StructLayout RAMBLOCK =
            structLayout(U64.withName("start_va"), U64.withName("size"), U64.withName("reserved"));

    /** hax_set_ram_info. */
    public static final StructLayout SET_RAM =
            structLayout(
                    U64.withName("pa_start"),
                    U32.withName("size"),
                    U8.withName("flags"),
                    paddingLayout(3),
                    U64.withName("va"));

    /** hax_set_ram_info2. */
    public static final StructLayout SET_RAM2 =
            structLayout(
                    U64.withName("pa_start"),
                    U64.withName("size"),
                    U64.withName("va"),
                    U32.withName("flags"),
                    U32.withName("reserved1"),
                    U64.withName("reserved2"));

    /** hax_protect_ram_info. */
    public static final StructLayout PROTECT_RAM =
            structLayout(
                    U64.withName("pa_start"),
                    U64.withName("size"),
                    U32.withName("flags"),
                    U32.withName("reserved"));

    /** hax_tunnel_info. */
    public static final StructLayout TUNNEL_INFO =
            structLayout(
                    U64.withName("va"),
                    U64.withName("io_va"),
                    U16.withName("size"),
                    sequenceLayout(3, U16).withName("pad"));

    /** hax_tunnel: at the start of a page of its own. */
    public static final StructLayout TUNNEL =
            structLayout(
                    U32.withName("_exit_reason"),
                    U32.withName("pad0"),
                    U32.withName("_exit_status"),
                    U32.withName("user_event_pending"),
                    U32.withName("ready_for_interrupt_injection"),
                    U32.withName("request_interrupt_window"),
                    unionLayout(
                                    structLayout(
                                                    U8.withName("_direction"),
                                                    U8.withName("_df"),
                                                    U16.withName("_size"),
                                                    U16.withName("_port"),
                                                    U16.withName("_count"),
                                                    U8.withName("_flags"),
                                                    U8.withName("_pad0"),
                                                    U16.withName("_pad1"),
                                                    U32.withName("_pad2"),
                                                    U64.withName("_vaddr"))
                                            .withName("io"),
                                    structLayout(U64.withName("gla")).withName("mmio"),
                                    structLayout(
                                                    U64.withName("gpa"),
                                                    U32.withName("flags"),
                                                    U32.withName("reserved1"),
                                                    U64.withName("reserved2"))
                                            .withName("pagefault"),
                                    structLayout(U64.withName("dummy")).withName("state"),
                                    structLayout(
                                                    U64.withName("rip"),
                                                    U64.withName("dr6"),
                                                    U64.withName("dr7"))
                                            .withName("debug"))
                            .withName("exit"),
                    U64.withName("apic_base"));

    /** hax_fastmmio: at the start of the shared buffer. */
    public static final StructLayout FASTMMIO =
            structLayout(
                    U64.withName("gpa"),
                    U64.withName("value"),
                    U8.withName("size"),
                    U8.withName("direction"),
                    U16.withName("reg_index"),
                    U32.withName("pad0"),
                    U64.withName("_cr0"),
                    U64.withName("_cr2"),
                    U64.withName("_cr3"),
                    U64.withName("_cr4"));

    /**
     * segment_desc_t; {@code ar} has the attributes of a descriptor without its limit, and bit 16:
     * null.
     */
    public static final StructLayout SEGMENT =
            structLayout(
                    U16.withName("selector"),
                    U16.withName("_dummy"),
                    U32.withName("limit"),
                    U64.withName("base"),
                    U32.withName("ar"),
                    U32.withName("ipad"));

    /** vcpu_state_t. {@code _regs}: RAX RCX RDX RBX RSP RBP RSI RDI R8..R15. */
    public static final StructLayout VCPU_STATE =
            structLayout(
                    sequenceLayout(16, U64).withName("_regs"),
                    U64.withName("_rip"),
                    U64.withName("_rflags"),
                    SEGMENT.withName("_cs"),
                    SEGMENT.withName("_ss"),
                    SEGMENT.withName("_ds"),
                    SEGMENT.withName("_es"),
                    SEGMENT.withName("_fs"),
                    SEGMENT.withName("_gs"),
                    SEGMENT.withName("_ldt"),
                    SEGMENT.withName("_tr"),
                    SEGMENT.withName("_gdt"),
                    SEGMENT.withName("_idt"),
                    U64.withName("_cr0"),
                    U64.withName("_cr2"),
                    U64.withName("_cr3"),
                    U64.withName("_cr4"),
                    U64.withName("_dr0"),
                    U64.withName("_dr1"),
                    U64.withName("_dr2"),
                    U64.withName("_dr3"),
                    U64.withName("_dr6"),
                    U64.withName("_dr7"),
                    U64.withName("_pde"),
                    U32.withName("_efer"),
                    U32.withName("_sysenter_cs"),
                    U64.withName("_sysenter_eip"),
                    U64.withName("_sysenter_esp"),
                    U32.withName("_activity_state"),
                    U32.withName("pad"),
                    U64.withName("_interruptibility_state"));

    /** fx_layout: what FXSAVE stores. SDM 1, "FXSAVE Area". */
    public static final StructLayout FX =
            structLayout(
                    U16.withName("fcw"),
                    U16.withName("fsw"),
                    U8.withName("ftw"),
                    U8.withName("res1"),
                    U16.withName("fop"),
                    U64.withName("fpu_ip"),
                    U64.withName("fpu_dp"),
                    U32.withName("mxcsr"),
                    U32.withName("mxcsr_mask"),
                    sequenceLayout(8, sequenceLayout(16, U8)).withName("st_mm"),
                    sequenceLayout(8, sequenceLayout(16, U8)).withName("mmx_1"),
                    sequenceLayout(8, sequenceLayout(16, U8)).withName("mmx_2"),
                    paddingLayout(96));

    /** hax_msr_data. */
    public static final StructLayout MSR_DATA =
            structLayout(
                    U16.withName("nr_msr"),
                    U16.withName("done"),
                    sequenceLayout(2, U16).withName("pad"),
                    sequenceLayout(
                                    HaxAbi.MAX_MSRS,
                                    structLayout(U64.withName("entry"), U64.withName("value")))
                            .withName("entries"));

    /** hax_debug_t. */
    public static final StructLayout DEBUG =
            structLayout(
                    U32.withName("control"),
                    U32.withName("reserved"),
                    sequenceLayout(8, U64).withName("dr"));

    /** hax_cpuid; {@code total} {@link #CPUID_ENTRY} follow. */
    public static final StructLayout CPUID =
            structLayout(U32.withName("total"), U32.withName("pad"));

    /** hax_cpuid_entry: EAX and ECX that the guest asks with, and what it gets. */
    public static final StructLayout CPUID_ENTRY =
            structLayout(
                    U32.withName("function"),
                    U32.withName("index"),
                    U32.withName("flags"),
                    U32.withName("eax"),
                    U32.withName("ebx"),
                    U32.withName("ecx"),
                    U32.withName("edx"),
                    sequenceLayout(3, U32).withName("pad"));

    private HaxLayout() {}

    /**
     * Offset of a field in bytes.
     *
     * @param path names, outermost first
     * @throws IllegalArgumentException no such field
     */
    public static int offset(StructLayout layout, String... path) {
        PathElement[] elements = new PathElement[path.length];
        for (int i = 0; i < path.length; i++) {
            elements[i] = PathElement.groupElement(path[i]);
        }
        return (int) layout.byteOffset(elements);
    }

    /** Bytes of a structure or field. */
    public static int size(MemoryLayout layout) {
        return (int) layout.byteSize();
    }
}
