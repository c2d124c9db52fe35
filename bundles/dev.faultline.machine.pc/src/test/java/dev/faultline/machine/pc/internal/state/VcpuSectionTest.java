// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal.state;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.api.cpu.VcpuState;
import dev.faultline.api.device.StateSection;
import dev.faultline.api.engine.VcpuContext;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class VcpuSectionTest {
    /** Not state: a new field of the context must be saved, or named here. */
    private static final Set<String> NOT_STATE =
            Set.of(
                    // compared as EFLAGS
                    "flagRes",
                    "flagAux",
                    // asked and set as repeating
                    "repeatsAfter",
                    "repeatsAt",
                    // belongs to a debugger outside the guest; the guest's own are saved
                    "guestDr",
                    // recomputed
                    "codeBits",
                    "cpl",
                    "stackMask",
                    "ripMask",
                    "effBase",
                    "segFast",
                    // cached translations
                    "tlb",
                    "fetchTag",
                    "fetchGfn",
                    "fetchHva",
                    "fetchGlobal",
                    "tlbKey",
                    "tlbFlushes",
                    "tlbLocalFlushes",
                    // scratch inside an instruction, or of a fault that will come again
                    "missGpa",
                    "missHva",
                    "missRead",
                    "scratchRead",
                    "scratchWrite",
                    "scratch",
                    "staged",
                    "fpu",
                    "system",
                    "debug",
                    "fault",
                    "signal",
                    "diversion",
                    "leavesTraces",
                    "tlbDrops",
                    "tlbWriteDrops",
                    "fenceNumbers",
                    "retries",
                    "retryRip",
                    "retryInstructions",
                    "retryCount",
                    "engineBase",
                    "engineIndex",
                    // wiring
                    "mmu",
                    "bus",
                    "interrupts",
                    "clock",
                    "propagation",
                    "cpuid",
                    "request",
                    "noticeHva",
                    "inGuest",
                    "busLock",
                    "lockedCode",
                    "fencesAsked",
                    "fencesServed",
                    "thread",
                    // of the host that runs the vCPU
                    "intercepts");

    private static List<Field> state() {
        return Stream.of(VcpuState.class, VcpuContext.class)
                .flatMap(c -> Arrays.stream(c.getDeclaredFields()))
                .filter(f -> !Modifier.isStatic(f.getModifiers()))
                .filter(f -> !NOT_STATE.contains(f.getName()) && !f.getName().equals("index"))
                .toList();
    }

    /** Every field of the state has a value of its own. */
    private static VcpuContext filled(Random r) throws Exception {
        VcpuContext v = new VcpuContext(3);
        assertThat(state()).hasSizeGreaterThan(50);
        for (Field f : state()) {
            switch (f.get(v)) {
                case long[] a -> Arrays.setAll(a, i -> r.nextLong() >> 17);
                case int[] a -> Arrays.setAll(a, i -> r.nextInt() >>> 16);
                case Long x -> f.setLong(v, r.nextLong() >> 17);
                case Integer x -> f.setInt(v, 1 + r.nextInt(15));
                case Boolean x -> f.setBoolean(v, true);
                case null -> f.set(v, "because " + r.nextInt());
                default -> throw new AssertionError("a field of a new kind: " + f);
            }
        }
        // What no processor has.
        v.gpr[VcpuContext.ZERO] = 0;
        v.setFlags(r.nextInt() & ~VcpuContext.VM);
        v.cr0 = 0x8005_0033L;
        v.cr3 = r.nextLong() >>> 18;
        v.cr4 = VcpuContext.CR4_PAE | VcpuContext.CR4_OSFXSR;
        v.efer = VcpuContext.EFER_LME | VcpuContext.EFER_LMA | VcpuContext.EFER_NXE;
        v.xcr0 = 3;
        v.dr[6] = 0xFFFF_0FF1L;
        v.dr[7] = 0x401;
        v.fmask &= 0xFFFF_FFFFL;
        v.sysenterCs &= 0xFFFF_FFFFL;
        v.tscAux &= 0xFFFF_FFFFL;
        v.activity = VcpuContext.HALTED;
        v.pendingKind = 2;
        v.recompute();
        return v;
    }

    private static boolean same(Object a, Object b) {
        return Arrays.deepEquals(new Object[] {a}, new Object[] {b});
    }

    @Test
    void everyFieldComesBack() throws Exception {
        for (int seed = 0; seed < 50; seed++) {
            VcpuContext v = filled(new Random(seed));
            VcpuContext to = new VcpuContext(3);
            VcpuSection.load(VcpuSection.save(v), to);
            for (Field f : state()) {
                assertThat(same(f.get(v), f.get(to)))
                        .as("%s is saved and loaded", f.getName())
                        .isTrue();
            }
            assertThat(to.getFlags()).isEqualTo(v.getFlags());
            for (String derived : List.of("codeBits", "cpl", "stackMask", "ripMask", "effBase")) {
                Field f = VcpuContext.class.getField(derived);
                assertThat(same(f.get(v), f.get(to))).as(derived).isTrue();
            }
        }
    }

    @Test
    void theBreakpointsOfADebuggerOutsideAreNotSaved() throws Exception {
        VcpuContext v = filled(new Random(1));
        long[] own = v.dr.clone();
        v.guestDr = own;
        Arrays.fill(v.dr, 0);
        VcpuContext to = new VcpuContext(3);
        VcpuSection.load(VcpuSection.save(v), to);
        assertThat(to.dr).isEqualTo(own);
        assertThat(to.guestDr).isNull();
    }

    @ParameterizedTest
    @CsvSource({
        "gdtLimit, 65536",
        "idtLimit, -1",
        "gdtBase, 0x800000000000",
        "lstar, 0x7000000000000000",
        "cr0, 0x80000000",
        "cr0, 0x100000000",
        "cr3, 0x400000000000",
        "cr4, 0x400000",
        "cr4, 0",
        "efer, 0x400",
        "efer, 0x2D01",
        "xcr0, 0",
        "xcr0, 0xFF",
        "rflags, 0x20002",
        "fpTag, 256",
        "fsw, 65536",
        "mxcsr, -1",
        "activity, 3",
        "pendingVector, 256",
        "pendingVector, -2",
        "pendingKind, 4",
        "pendingLength, 16",
        "pendingDebug, 16",
        "injectedVector, 32",
        "nmiBlocked, 2",
        "sysenterCs, 0x100000000"
    })
    void whatNoProcessorHasIsRefused(String key, String value) throws Exception {
        StateSection s = VcpuSection.save(filled(new Random(1)));
        s.put(key, Long.decode(value));
        assertThatThrownBy(() -> VcpuSection.load(s, new VcpuContext(3)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("vcpu3")
                .hasMessageContaining(key);
    }

    @Test
    void everyKeyIsNeeded() throws Exception {
        StateSection whole = VcpuSection.save(filled(new Random(1)));
        for (String key : whole.values().keySet()) {
            StateSection s = whole.withVersion(whole.version());
            s.remove(key);
            if (Set.of("shutdownReason", "debugShadow", "repeating").contains(key)) {
                continue;
            }
            assertThatThrownBy(() -> VcpuSection.load(s, new VcpuContext(3)))
                    .as(key)
                    .hasMessageContaining(key);
        }
    }

    @Test
    void debugExceptionsAreHeldOffOnlyInAShadow() throws Exception {
        StateSection s = VcpuSection.save(filled(new Random(1)));
        s.put("interruptShadow", false);
        assertThatThrownBy(() -> VcpuSection.load(s, new VcpuContext(3)))
                .hasMessageContaining("debugShadow");
        // As it was written before the key was: conditions were pending only after a load of SS.
        s.put("interruptShadow", true);
        s.remove("debugShadow");
        VcpuContext v = new VcpuContext(3);
        VcpuSection.load(s, v);
        assertThat(v.debugShadow).isTrue();
        s.put("pendingDebug", 0);
        VcpuSection.load(s, v);
        assertThat(v.debugShadow).isFalse();
    }

    @Test
    void aRepetitionGoesOnWhereItWasSavedAndNowhereElse() throws Exception {
        VcpuContext v = filled(new Random(1));
        StateSection between = VcpuSection.save(v);
        v.repeating(true);
        StateSection within = VcpuSection.save(v);
        VcpuContext to = new VcpuContext(3);
        VcpuSection.load(within, to);
        assertThat(to.repeating()).isTrue();
        // The same place and count, reached otherwise; and as it was written before the key was.
        VcpuSection.load(between, to);
        assertThat(to.repeating()).isFalse();
        VcpuSection.load(within, to);
        between.remove("repeating");
        VcpuSection.load(between, to);
        assertThat(to.repeating()).isFalse();
    }

    /** The layout of version 1, written out: its writer is gone. */
    @Test
    void versionOneIsMigrated() throws Exception {
        VcpuContext v = filled(new Random(2));
        v.pendingDebug = 0;
        StateSection two = VcpuSection.save(v);
        StateSection one = two.withVersion(1);
        join(one, "cr", "cr0", "cr2", "cr3", "cr4", "efer", "xcr0");
        join(
                one,
                "msr",
                "star",
                "lstar",
                "cstar",
                "fmask",
                "kernelGsBase",
                "sysenterCs",
                "sysenterEsp",
                "sysenterEip",
                "pat",
                "tscAux",
                "tscOffset",
                "miscEnable",
                "mtrrDefType",
                "specCtrl");
        join(one, "fpu", "fpTag", "fcw", "fsw", "fop", "fip", "fdp", "fcs", "fds", "mxcsr");
        join(one, "pending", "pendingVector", "pendingError", "pendingKind", "pendingLength");
        join(one, "injected", "injectedVector", "injectedError");
        one.remove("pendingDebug");
        one.remove("repeating");
        two.remove("repeating");
        StateSection made = new VcpuMigrator().migrate(one);
        made.remove(VcpuSection.INIT);
        made.remove(VcpuSection.STARTUP);
        assertThat(made).isEqualTo(two);
        assertThat(one.has("cr")).isTrue();

        one.remove("injected");
        assertThat(new VcpuMigrator().migrate(one).getLong("injectedVector")).isEqualTo(-1);
        one.remove("msr");
        assertThatThrownBy(() -> new VcpuMigrator().migrate(one)).hasMessageContaining("msr");
    }

    private static void join(StateSection s, String array, String... keys) {
        s.put(array, Arrays.stream(keys).mapToLong(s::getLong).toArray());
        for (String k : keys) {
            s.remove(k);
        }
    }
}
