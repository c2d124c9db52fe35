// SPDX-License-Identifier: Apache-2.0
package dev.faultline.testkit.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.api.memory.HostBytes;
import dev.faultline.api.memory.MemoryListener;
import dev.faultline.api.memory.MemorySlot;
import dev.faultline.api.memory.RamBlock;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class FakeMemoryTest {
    private final FakeMemory memory = new FakeMemory(40);
    private final List<String> told = new ArrayList<>();

    @AfterEach
    void close() {
        memory.close();
    }

    private final class Teller implements MemoryListener {
        @Override
        public void beforeMapping(MemorySlot now) {
            told.add("before " + memory.slots().contains(now));
        }

        @Override
        public void mappingAdded(MemorySlot now) {
            told.add("added " + memory.slots().contains(now));
        }

        @Override
        public void mappingChanged(MemorySlot old, MemorySlot now) {
            told.add("changed " + old.readOnly() + " " + memory.slotAt(now.gpa()).readOnly());
        }

        @Override
        public void mappingRemoved(MemorySlot old) {
            told.add("removed " + memory.slotAt(old.gpa()));
        }
    }

    @Test
    void aByteIsWhereItsSlotSays() {
        RamBlock b = memory.ram(0x4000, 0x2000);
        memory.map(0x1000, 0x1000, b, 0x1000, true);
        assertThat(memory.hvaOf(0x5008)).isEqualTo(b.hva() + 0x1008);
        assertThat(memory.hvaOf(0x1008)).isEqualTo(b.hva() + 0x1008);
        assertThat(HostBytes.get64(memory.hvaOf(0x1008))).isZero();
        for (long gpa : new long[] {0xFFF, 0x2000, 0x3FFF, 0x6000}) {
            assertThat(memory.slotAt(gpa)).isNull();
            assertThat(memory.hvaOf(gpa)).isEqualTo(-1);
        }
        assertThat(memory.slots()).extracting(MemorySlot::gpa).containsExactly(0x1000L, 0x4000L);
        assertThat(memory.highestMapped()).isEqualTo(0x6000);
        assertThat(memory.blocks()).containsExactly(b);
        assertThat(memory.physicalAddressBits()).isEqualTo(40);
    }

    @Test
    void listenersAreToldWhenItIsSo() {
        MemoryListener l = new Teller();
        memory.addListener(l);
        RamBlock b = memory.ram(0, 0x1000);
        memory.map(0, 0x1000, b, 0, true);
        memory.unmap(0, 0x1000);
        memory.unmap(0, 0x1000);
        assertThat(told)
                .containsExactly(
                        "before false",
                        "added true",
                        "before false",
                        "changed false true",
                        "removed null");
        assertThat(memory.highestMapped()).isEqualTo(0x1000);
        memory.removeListener(l);
        assertThat(memory.listeners()).isZero();
    }

    @Test
    void whatItCannotFailsWithItsName() {
        RamBlock b = memory.ram(0, 0x2000);
        assertThatThrownBy(() -> memory.map(0x1000, 0x2000, b, 0, false))
                .isInstanceOf(AssertionError.class)
                .hasMessageContaining("GuestMemory.map of a part");
        assertThatThrownBy(() -> memory.unmap(0, 0x1000))
                .isInstanceOf(AssertionError.class)
                .hasMessageContaining("GuestMemory.unmap of a part");
        assertThatThrownBy(() -> memory.removeBlock(b))
                .isInstanceOf(AssertionError.class)
                .hasMessage("GuestMemory.removeBlock");
        assertThatThrownBy(() -> b.discard(0, 0x1000))
                .isInstanceOf(AssertionError.class)
                .hasMessage("RamBlock.discard");
        FakeMemory hollow = FakeMemory.hollow(1L << 45);
        assertThat(hollow.slotAt(1L << 44)).isEqualTo(hollow.slots().getFirst());
        assertThatThrownBy(() -> hollow.hvaOf(0))
                .isInstanceOf(AssertionError.class)
                .hasMessage("GuestMemory.hvaOf");
    }
}
