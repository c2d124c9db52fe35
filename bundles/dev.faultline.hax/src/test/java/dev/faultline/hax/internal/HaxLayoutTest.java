// SPDX-License-Identifier: Apache-2.0
package dev.faultline.hax.internal;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.hax.HaxAbi;
import dev.faultline.api.hax.HaxLayout;
import java.lang.foreign.GroupLayout;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.PaddingLayout;
import java.lang.foreign.SequenceLayout;
import java.lang.foreign.StructLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every structure, every field: {@code offset name size}, as a client of the reference has them
 * compiled in.
 */
class HaxLayoutTest {
    static Stream<Arguments> structures() {
        return Stream.of(
                Arguments.of(HaxLayout.MODULE_VERSION, 8, "0 compat_version 4, 4 cur_version 4"),
                Arguments.of(HaxLayout.QEMU_VERSION, 8, "0 cur_version 4, 4 least_version 4"),
                Arguments.of(
                        HaxLayout.CAPABILITY,
                        16,
                        "0 wstatus 2, 2 winfo 2, 4 win_refcount 4, 8 mem_quota 8"),
                Arguments.of(HaxLayout.MEMLIMIT, 16, "0 enable_memlimit 1, 8 memory_limit 8"),
                Arguments.of(HaxLayout.ALLOC_RAM, 16, "0 size 4, 4 pad 4, 8 va 8"),
                Arguments.of(HaxLayout.RAMBLOCK, 24, "0 start_va 8, 8 size 8, 16 reserved 8"),
                Arguments.of(HaxLayout.SET_RAM, 24, "0 pa_start 8, 8 size 4, 12 flags 1, 16 va 8"),
                Arguments.of(
                        HaxLayout.SET_RAM2,
                        40,
                        "0 pa_start 8, 8 size 8, 16 va 8, 24 flags 4, 28 reserved1 4, 32 reserved2"
                                + " 8"),
                Arguments.of(
                        HaxLayout.PROTECT_RAM,
                        24,
                        "0 pa_start 8, 8 size 8, 16 flags 4, 20 reserved 4"),
                Arguments.of(HaxLayout.TUNNEL_INFO, 24, "0 va 8, 8 io_va 8, 16 size 2, 18 pad 6"),
                Arguments.of(
                        HaxLayout.TUNNEL,
                        56,
                        "0 _exit_reason 4, 4 pad0 4, 8 _exit_status 4, 12 user_event_pending 4, 16"
                                + " ready_for_interrupt_injection 4, 20 request_interrupt_window 4, 24"
                                + " io._direction 1, 25 io._df 1, 26 io._size 2, 28 io._port 2, 30"
                                + " io._count 2, 32 io._flags 1, 33 io._pad0 1, 34 io._pad1 2, 36"
                                + " io._pad2 4, 40 io._vaddr 8, 24 mmio.gla 8, 24 pagefault.gpa 8, 32"
                                + " pagefault.flags 4, 36 pagefault.reserved1 4, 40 pagefault.reserved2"
                                + " 8, 24 state.dummy 8, 24 debug.rip 8, 32 debug.dr6 8, 40 debug.dr7"
                                + " 8, 48 apic_base 8"),
                Arguments.of(
                        HaxLayout.FASTMMIO,
                        56,
                        "0 gpa 8, 8 value 8, 16 size 1, 17 direction 1, 18 reg_index 2, 20 pad0 4,"
                                + " 24 _cr0 8, 32 _cr2 8, 40 _cr3 8, 48 _cr4 8"),
                Arguments.of(
                        HaxLayout.SEGMENT,
                        24,
                        "0 selector 2, 2 _dummy 2, 4 limit 4, 8 base 8, 16 ar 4, 20 ipad 4"),
                Arguments.of(
                        HaxLayout.FX,
                        512,
                        "0 fcw 2, 2 fsw 2, 4 ftw 1, 5 res1 1, 6 fop 2, 8 fpu_ip 8, 16 fpu_dp 8, 24"
                                + " mxcsr 4, 28 mxcsr_mask 4, 32 st_mm 128, 160 mmx_1 128, 288 mmx_2"
                                + " 128"),
                Arguments.of(
                        HaxLayout.MSR_DATA, 520, "0 nr_msr 2, 2 done 2, 4 pad 4, 8 entries 512"),
                Arguments.of(HaxLayout.DEBUG, 72, "0 control 4, 4 reserved 4, 8 dr 64"),
                Arguments.of(HaxLayout.CPUID, 8, "0 total 4, 4 pad 4"),
                Arguments.of(
                        HaxLayout.CPUID_ENTRY,
                        40,
                        "0 function 4, 4 index 4, 8 flags 4, 12 eax 4, 16 ebx 4, 20 ecx 4, 24 edx 4,"
                                + " 28 pad 12"));
    }

    @ParameterizedTest
    @MethodSource("structures")
    void everyFieldIsWhereClientsHaveIt(StructLayout layout, int size, String fields) {
        assertThat(layout.byteSize()).isEqualTo(size);
        assertThat(fields(layout)).containsExactly(fields.split(", *"));
    }

    /** Each segment has its fields at 0, 4, 8, 16 as above. */
    @Test
    void everyRegisterIsWhereClientsHaveIt() {
        assertThat(HaxLayout.VCPU_STATE.byteSize()).isEqualTo(512);
        List<String> top = new ArrayList<>();
        long at = 0;
        for (MemoryLayout m : HaxLayout.VCPU_STATE.memberLayouts()) {
            top.add(at + " " + m.name().orElseThrow() + " " + m.byteSize());
            at += m.byteSize();
        }
        assertThat(top)
                .containsExactly(
                        "0 _regs 128",
                        "128 _rip 8",
                        "136 _rflags 8",
                        "144 _cs 24",
                        "168 _ss 24",
                        "192 _ds 24",
                        "216 _es 24",
                        "240 _fs 24",
                        "264 _gs 24",
                        "288 _ldt 24",
                        "312 _tr 24",
                        "336 _gdt 24",
                        "360 _idt 24",
                        "384 _cr0 8",
                        "392 _cr2 8",
                        "400 _cr3 8",
                        "408 _cr4 8",
                        "416 _dr0 8",
                        "424 _dr1 8",
                        "432 _dr2 8",
                        "440 _dr3 8",
                        "448 _dr6 8",
                        "456 _dr7 8",
                        "464 _pde 8",
                        "472 _efer 4",
                        "476 _sysenter_cs 4",
                        "480 _sysenter_eip 8",
                        "488 _sysenter_esp 8",
                        "496 _activity_state 4",
                        "500 pad 4",
                        "504 _interruptibility_state 8");
    }

    /**
     * The variant for stopped accesses is as large as the one for ports: it moved nothing when it
     * was added.
     */
    @Test
    void thePagefaultVariantMovesNothing() {
        assertThat(HaxLayout.offset(HaxLayout.TUNNEL, "exit", "pagefault")).isEqualTo(24);
        assertThat(HaxLayout.offset(HaxLayout.TUNNEL, "apic_base")).isEqualTo(48);
        assertThat(HaxLayout.TUNNEL.byteSize()).isLessThan(HaxAbi.PAGE);
        assertThat(HaxLayout.FASTMMIO.byteSize()).isLessThan(HaxAbi.IO_BUFFER);
    }

    private static List<String> fields(StructLayout layout) {
        List<String> lines = new ArrayList<>();
        collect(layout, "", 0, lines);
        return lines;
    }

    private static void collect(GroupLayout group, String prefix, long start, List<String> lines) {
        long at = start;
        for (MemoryLayout m : group.memberLayouts()) {
            String name = m.name().orElse("");
            if (m instanceof GroupLayout g && !(m instanceof SequenceLayout)) {
                collect(g, name.equals("exit") ? "" : prefix + name + ".", at, lines);
            } else if (!(m instanceof PaddingLayout)) {
                lines.add(at + " " + prefix + name + " " + m.byteSize());
            }
            if (group instanceof StructLayout) {
                at += m.byteSize();
            }
        }
    }
}
