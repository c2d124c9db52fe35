// SPDX-License-Identifier: Apache-2.0
package dev.faultline.mmu.internal;

import static dev.faultline.api.engine.VcpuContext.*;
import static dev.faultline.api.mmu.Mmu.*;
import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.fault.PendingFault;
import dev.faultline.mmu.internal.SdmModel.Mode;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * The MMU against {@link SdmModel}: every permission combination, and random entries with reserved
 * bits and large pages.
 */
class PagingModelTest {
    private static final long TABLE = 0x1000;
    private static final long FRAME = 0x0080_0000; // aligned for every page size but 1 GiB

    private final SdmModel model = new SdmModel();
    private long lin;

    /**
     * Two levels of (R/W, U/S, XD) bits, five control bits, CPL, implicit, three kinds of access:
     * all of them.
     */
    @ParameterizedTest
    @EnumSource(Mode.class)
    void everyPermissionCombination(Mode mode) {
        try (Rig rig = new Rig(36)) {
            lin = 0x0040_3123;
            for (int n = 0; n < 1 << 15; n++) {
                configure(mode, 36, n >>> 8, n >>> 13, true);
                long upper = 1 | (n & 3) << 1 | (n & 4L) << 61;
                long lower = 1 | (n >>> 3 & 3) << 1 | (n >>> 3 & 4L) << 61;
                tables(rig, upper, lower, FRAME);
                for (int kind = 0; kind < 3; kind++) {
                    model.write = kind == 1;
                    model.fetch = kind == 2;
                    model.implicit = (n & 1 << 6) != 0 && kind != 2;
                    model.cpl = (n & 1 << 7) != 0 ? 3 : 0;
                    compare(rig, "case " + n + " kind " + kind);
                }
            }
        }
    }

    @ParameterizedTest
    @CsvSource({
        "BITS32,32",
        "BITS32,36",
        "BITS32,40",
        "BITS32,46",
        "PAE,36",
        "PAE,40",
        "PAE,52",
        "LEVEL4,36",
        "LEVEL4,40",
        "LEVEL4,46",
        "LEVEL4,52"
    })
    void randomEntries(Mode mode, int physicalBits) {
        Random random = new Random(physicalBits * 7L + mode.ordinal());
        try (Rig rig = new Rig(physicalBits)) {
            for (int n = 0; n < 30_000; n++) {
                configure(mode, physicalBits, random.nextInt(), random.nextInt(), false);
                lin =
                        mode == Mode.LEVEL4
                                ? random.nextLong() << 16 >> 16
                                : random.nextInt() & 0xFFFF_FFFFL;
                randomTables(rig, random);
                int kind = random.nextInt(3);
                model.write = kind == 1;
                model.fetch = kind == 2;
                model.implicit = kind != 2 && random.nextInt(4) == 0;
                model.cpl = random.nextBoolean() ? 3 : 0;
                compare(rig, "case " + n);
            }
        }
    }

    private void configure(Mode mode, int physicalBits, int bits, int more, boolean pse) {
        model.mode = mode;
        model.physicalBits = physicalBits;
        model.wp = (bits & 1) != 0;
        model.smep = (bits & 2) != 0;
        model.smap = (bits & 4) != 0;
        model.nxe = (bits & 8) != 0;
        model.ac = (bits & 16) != 0;
        model.pse = pse || (more & 1) != 0;
        model.cr3 = TABLE;
    }

    /** All levels but the last have the bits {@code upper}. */
    private void tables(Rig rig, long upper, long lower, long frame) {
        if (model.mode == Mode.BITS32) {
            rig.put32(TABLE + (lin >>> 22 & 0x3FF) * 4, 0x2000 | upper);
            rig.put32(0x2000 + (lin >>> 12 & 0x3FF) * 4, frame | lower);
            return;
        }
        long at = TABLE;
        int shift = 39;
        if (model.mode == Mode.PAE) {
            model.pdpte[(int) (lin >>> 30 & 3)] = 0x3001;
            at = 0x3000;
            shift = 21;
        }
        for (; shift > 12; shift -= 9) {
            rig.put64(at + (lin >>> shift & 0x1FF) * 8, at + 0x1000 | upper);
            at += 0x1000;
        }
        rig.put64(at + (lin >>> 12 & 0x1FF) * 8, frame | lower);
    }

    private void randomTables(Rig rig, Random random) {
        if (model.mode == Mode.BITS32) {
            rig.put32(TABLE + (lin >>> 22 & 0x3FF) * 4, entry(random, 0x2000));
            rig.put32(0x2000 + (lin >>> 12 & 0x3FF) * 4, entry(random, FRAME));
            return;
        }
        long at = TABLE;
        int shift = 39;
        if (model.mode == Mode.PAE) {
            model.pdpte[(int) (lin >>> 30 & 3)] = random.nextInt(16) == 0 ? 0 : 0x3001;
            at = 0x3000;
            shift = 21;
        }
        for (; shift >= 12; shift -= 9) {
            long next = shift == 12 ? FRAME : at + 0x1000;
            rig.put64(at + (lin >>> shift & 0x1FF) * 8, entry(random, next));
            at += 0x1000;
        }
    }

    /**
     * Mostly sane, often large, sometimes with stray high or reserved bits. Large ones get a frame
     * of their own, mostly aligned.
     */
    private long entry(Random random, long next) {
        boolean wide = model.mode != Mode.BITS32;
        long e = next | 1 | (random.nextInt() & 0xF7E) | (random.nextInt(8) == 0 ? 0 : 6);
        if (random.nextInt(8) == 0) {
            e = FRAME | (wide ? random.nextInt(4) * 0x4000_0000L : 0) | e & 0xFFF | 0x80;
            if (random.nextBoolean()) {
                e &= ~FRAME; // so that 1 GiB pages have a valid frame too
            }
            if (random.nextInt(4) == 0) {
                e |= 0x1000; // PAT
            }
            if (!wide && random.nextInt(3) == 0) {
                e |= (long) random.nextInt(512) << 13;
            }
        }
        if (random.nextInt(24) == 0) {
            e &= ~1;
        }
        if (wide && random.nextInt(6) == 0) {
            e |= 1L << 63;
        }
        if (wide && random.nextInt(12) == 0) {
            e |= 1L << 52 + random.nextInt(11);
        }
        if (wide && random.nextInt(24) == 0 && model.physicalBits < 52) {
            e |= 1L << model.physicalBits + random.nextInt(52 - model.physicalBits);
        }
        if (wide && random.nextInt(24) == 0) {
            e |= 1L << 13 + random.nextInt(17);
        }
        return e;
    }

    private void compare(Rig rig, String what) {
        apply(rig);
        rig.mmu.flush(rig.v);
        model.walk(rig, lin);
        int access = model.write ? WRITE : model.fetch ? FETCH : READ;
        rig.v.cr2 = 0x77;
        rig.v.fault.kind = PendingFault.NONE;
        long queried = model.fault ? 0 : rig.mmu.query(rig.v, lin);
        long got = rig.fill(lin, access | (model.implicit ? SYSTEM : 0));
        for (int i = 0; i < model.entryGpas.size(); i++) {
            long at = model.entryGpas.get(i);
            long now = model.mode == Mode.BITS32 ? rig.get32(at) : rig.get64(at);
            assertThat(now).as("%s: entry %d", what, i).isEqualTo(model.entriesAfter.get(i));
        }
        if (model.fault) {
            assertThat(got).as(what).isEqualTo(FAULTED);
            assertThat(rig.v.fault.kind).as(what).isEqualTo(PendingFault.GUEST);
            assertThat(rig.v.fault.vector).as(what).isEqualTo(14);
            assertThat(rig.v.fault.errorCode).as(what).isEqualTo(model.errorCode);
            assertThat(rig.v.fault.gva).as(what).isEqualTo(lin);
            assertThat(rig.v.cr2).as(what).isEqualTo(0x77);
        } else {
            assertThat(queried).as(what).isEqualTo(model.gpa);
            if (model.gpa < Rig.RAM) {
                assertThat(got).as(what).isEqualTo(rig.base + model.gpa);
            } else {
                assertThat(got).as(what).isEqualTo(DEVICE);
                assertThat(rig.v.missGpa).as(what).isEqualTo(model.gpa);
            }
        }
        hits(rig, what, access, got >= 0);
    }

    /** What was cached allows no more than the model does. */
    private void hits(Rig rig, String what, int access, boolean filled) {
        boolean implicit = model.implicit;
        if (!filled || implicit && rig.v.cpl == 3) {
            assertThat(rig.readHit(lin)).as(what).isEqualTo(-1);
            assertThat(rig.writeHit(lin)).as(what).isEqualTo(-1);
            assertThat(rig.fetchHit(lin)).as(what).isEqualTo(-1);
            return;
        }
        if (access == FETCH) {
            assertThat(rig.fetchHit(lin)).as(what).isEqualTo(rig.base + model.gpa);
            return;
        }
        boolean write = model.write;
        int last = model.entriesAfter.size() - 1;
        boolean dirty = (model.entriesAfter.get(last) & 0x40) != 0;
        assertThat(rig.readHit(lin) >= 0 || implicit).as(what).isTrue();
        model.implicit = false;
        model.write = true;
        model.walk(rig, lin);
        assertThat(rig.writeHit(lin) >= 0 || implicit)
                .as(what + " write hit")
                .isEqualTo(!model.fault && dirty || implicit);
        model.write = write;
        model.implicit = implicit;
    }

    private void apply(Rig rig) {
        var v = rig.v;
        v.cr0 = CR0_PE | 0x8000_0000L | (model.wp ? CR0_WP : 0);
        v.cr4 =
                (model.mode == Mode.BITS32 ? 0 : CR4_PAE)
                        | (model.pse ? CR4_PSE : 0)
                        | (model.smep ? CR4_SMEP : 0)
                        | (model.smap ? CR4_SMAP : 0);
        v.efer = (model.mode == Mode.LEVEL4 ? EFER_LMA | EFER_LME : 0) | (model.nxe ? EFER_NXE : 0);
        v.cr3 = model.cr3;
        v.eflags = 2 | (model.ac ? AC : 0);
        System.arraycopy(model.pdpte, 0, v.pdpte, 0, 4);
        rig.cpl(model.cpl);
    }
}
