// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal.fault;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.memory.GuestMemory;
import dev.faultline.api.memory.HostBytes;
import dev.faultline.api.protection.ProtectionLayer;
import dev.faultline.api.protection.RamProtection;
import dev.faultline.api.protection.Rights;
import dev.faultline.machine.pc.internal.PcMachine;
import dev.faultline.machine.pc.internal.board.MachineRam;
import dev.faultline.memory.internal.GuestMemoryFactoryComponent;
import dev.faultline.platform.posix.internal.PosixHostMemoryComponent;
import dev.faultline.protection.internal.RamProtectionFactoryComponent;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** An answer holds for the bytes and kinds that were asked about, and for nothing else. */
class AnswersTest {
    private static final long GPA = 0x5ABC;
    private final GuestMemory memory =
            new GuestMemoryFactoryComponent(new PosixHostMemoryComponent()).create(40);
    private final RamProtection protection;
    private final ProtectionLayer layer;
    private final Answers answers = new Answers();

    AnswersTest() throws Exception {
        MachineRam.map(memory, 1 << 20, PcMachine.OWN_RAM);
        protection = new RamProtectionFactoryComponent().create(memory);
        layer = protection.userLayer();
        layer.protect(0, 1 << 20, Rights.NONE);
    }

    @AfterEach
    void close() {
        protection.close();
        memory.close();
    }

    private long divert(int access, long gpa, int length) {
        return answers.divert(protection, access, gpa, length, memory.hvaOf(gpa));
    }

    private void goesThrough(int access, long gpa, int length) {
        assertThat(divert(access, gpa, length)).isEqualTo(memory.hvaOf(gpa));
    }

    private void staysStopped(int access, long gpa, int length) {
        assertThat(divert(access, gpa, length)).isNegative();
    }

    @Test
    void aStepOpensItsBytesAndKindsOnly() {
        assertThat(answers.active()).isFalse();
        assertThat(answers.step(GPA, 8, Rights.R, layer)).isTrue();
        assertThat(answers.active()).isTrue();
        goesThrough(Rights.R, GPA, 8);
        goesThrough(Rights.R, GPA + 4, 4);
        staysStopped(Rights.W, GPA, 8);
        staysStopped(Rights.R, GPA + 4, 8); // reaches past its end
        staysStopped(Rights.R, GPA - 1, 2); // starts before it
        staysStopped(Rights.R, GPA + 0x1000, 4);
        assertThat(answers.step(GPA - 1, 2, Rights.R, layer)).isTrue();
        goesThrough(Rights.R, GPA - 1, 2);
        goesThrough(Rights.R, GPA, 8);
        answers.clear();
        assertThat(answers.active()).isFalse();
        staysStopped(Rights.R, GPA, 8);
    }

    @Test
    void everyLayerThatForbidsMustLetThrough() {
        ProtectionLayer other = protection.addLayer("other", null);
        other.protect(0x5000, 0x1000, Rights.R);
        answers.step(GPA, 8, Rights.RW, layer);
        goesThrough(Rights.R, GPA, 8);
        staysStopped(Rights.W, GPA, 8);
        assertThat(answers.opens(GPA, 8, Rights.W, other)).isFalse();
        answers.step(GPA, 8, Rights.W, other);
        goesThrough(Rights.W, GPA, 8);
        assertThat(answers.opens(GPA, 8, Rights.W, other)).isTrue();
    }

    @Test
    void manyStepsOnOnePage() {
        for (int i = 0; i < 100; i++) {
            assertThat(answers.step(0x5000 + 8L * i, 8, Rights.R, layer)).isTrue();
        }
        for (int i = 0; i < 100; i++) {
            goesThrough(Rights.R, 0x5000 + 8L * i, 8);
        }
        staysStopped(Rights.R, 0x5000 + 800, 8);
    }

    @Test
    void onlyBytesThatWereSuppliedAreAnswered() {
        assertThat(answers.supply(GPA, new byte[] {1, 2})).isTrue();
        assertThat(HostBytes.get8(divert(Rights.R, GPA + 1, 1))).isEqualTo((byte) 2);
        assertThat(HostBytes.get8(divert(Rights.X, GPA, 1))).isEqualTo((byte) 1);
        staysStopped(Rights.R, GPA + 2, 1);
        staysStopped(Rights.W, GPA, 1);
    }

    @Test
    void aDroppedWriteGoesToACopy() {
        long there = memory.hvaOf(GPA);
        HostBytes.put32(there, 0x1122_3344);
        assertThat(answers.discard(GPA, 4)).isTrue();
        staysStopped(Rights.R, GPA, 4);
        staysStopped(Rights.W, GPA + 1, 4);
        long copy = divert(Rights.W, GPA, 4);
        assertThat(copy).isNotEqualTo(there);
        assertThat(HostBytes.get32(copy)).as("for a read-modify-write").isEqualTo(0x1122_3344);
        HostBytes.put32(copy, 0);
        assertThat(HostBytes.get32(there)).isEqualTo(0x1122_3344);
    }

    @Test
    void anEntryOfAFormerInstructionAnswersNothing() {
        answers.supply(GPA, new byte[] {1, 2});
        answers.discard(GPA, 4);
        answers.step(GPA, 4, Rights.RW, layer);
        answers.clear();
        answers.step(GPA + 8, 1, Rights.R, layer); // takes the same entry again
        staysStopped(Rights.R, GPA, 1);
        staysStopped(Rights.W, GPA, 4);
    }

    @Test
    void pagesOfOneInstructionAreLimited() {
        for (int i = 0; i < Answers.MAX_PAGES; i++) {
            assertThat(answers.discard(0x1000L * i, 4)).isTrue();
        }
        assertThat(answers.discard(0x1000L * Answers.MAX_PAGES, 4)).isFalse();
        assertThat(answers.supply(0x1000L * Answers.MAX_PAGES, new byte[4])).isFalse();
        assertThat(answers.step(0x1000L * Answers.MAX_PAGES, 4, Rights.R, layer)).isFalse();
        assertThat(answers.discard(8, 4)).as("a page that is there").isTrue();
    }
}
