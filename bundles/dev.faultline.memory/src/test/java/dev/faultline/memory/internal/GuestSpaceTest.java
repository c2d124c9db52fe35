// SPDX-License-Identifier: Apache-2.0
package dev.faultline.memory.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.api.memory.GuestMemory;
import dev.faultline.api.memory.MemoryListener;
import dev.faultline.api.memory.MemorySlot;
import dev.faultline.api.memory.RamBlock;
import dev.faultline.api.platform.HostMemoryException;
import dev.faultline.api.platform.HostRegion;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class GuestSpaceTest {
    private final FakeHost host = new FakeHost();
    private final GuestMemory space = new GuestSpace(host, 40);
    private final RamBlock a = space.addBlock("A", 0x400000);
    private final RamBlock b = space.addBlock("B", 0x400000);
    private final Recorder recorder = new Recorder();

    @BeforeEach
    void listen() {
        space.addListener(recorder);
    }

    /** In pages; the offset in bytes. */
    private void ram(long gfn, long pages, RamBlock block, long offset) {
        space.map(gfn << 12, pages << 12, block, offset, false);
    }

    private void rom(long gfn, long pages, RamBlock block, long offset) {
        space.map(gfn << 12, pages << 12, block, offset, true);
    }

    private void invalid(long gfn, long pages) {
        space.unmap(gfn << 12, pages << 12);
    }

    @Test
    void theListOfSlotsStaysTheSameUntilOneChanges() {
        ram(0, 0x100, a, 0);
        List<MemorySlot> before = space.slots();
        assertThat(space.slots()).isSameAs(before);
        rom(0x40, 0x10, a, 0x40000);
        assertThat(space.slots()).isNotSameAs(before);
        assertThat(Recorder.text(before)).containsExactly("0,100 A+0");
    }

    private List<String> slots() {
        return Recorder.text(space.slots());
    }

    /**
     * The reference's vectors "Slots", with the corrected results. Blocks: A and B of 0x400 pages.
     */
    @Nested
    class GoldenVectors {
        @Test
        void romInsideRamSplitsIt() {
            ram(0, 0x100, a, 0);
            recorder.events.clear();
            rom(0x40, 0x10, a, 0x40000);
            assertThat(slots()).containsExactly("0,40 A+0", "40,10 A+40000 ROM", "50,b0 A+50000");
            assertThat(recorder.events)
                    .containsExactly("changed(40,10 A+40000 -> 40,10 A+40000 ROM)");
        }

        @Test
        void ramOverThatRomCoalesces() {
            ram(0, 0x100, a, 0);
            rom(0x40, 0x10, a, 0x40000);
            recorder.events.clear();
            ram(0x40, 0x10, a, 0x40000);
            assertThat(slots()).containsExactly("0,100 A+0");
            assertThat(recorder.events)
                    .containsExactly("changed(40,10 A+40000 ROM -> 40,10 A+40000)");
        }

        @Test
        void otherBlockTrimsTheFront() {
            ram(0x10, 0x10, a, 0);
            recorder.events.clear();
            ram(8, 0x10, b, 0);
            assertThat(slots()).containsExactly("8,10 B+0", "18,8 A+8000");
            assertThat(recorder.events)
                    .containsExactly("added(8,8 B+0)", "changed(10,8 A+0 -> 10,8 B+8000)");
        }

        @Test
        void otherLinearRelationIsNotMerged() {
            ram(0x10, 0x10, a, 0);
            ram(8, 0x10, b, 0);
            ram(0x18, 0x10, b, 0x20000);
            assertThat(slots()).containsExactly("8,10 B+0", "18,10 B+20000");
        }

        @Test
        void unmapSplits() {
            ram(0, 0x100, a, 0);
            recorder.events.clear();
            invalid(0x40, 0x10);
            assertThat(slots()).containsExactly("0,40 A+0", "50,b0 A+50000");
            assertThat(recorder.events).containsExactly("removed(40,10 A+40000)");
        }

        @Test
        void unmapOfTheRestEmptiesAndFreesTheBlock() {
            ram(0, 0x100, a, 0);
            invalid(0x40, 0x10);
            recorder.events.clear();
            invalid(0, 0x100);
            assertThat(slots()).isEmpty();
            assertThat(recorder.events)
                    .containsExactly("removed(0,40 A+0)", "removed(50,b0 A+50000)");
            space.removeBlock(a);
            assertThat(host.released).containsExactly(a.hva());
        }

        @Test
        void mappingThatBridgesTwoNeighboursCoalesces() {
            ram(0, 0x10, a, 0);
            ram(0x20, 0x10, a, 0x20000);
            ram(0x10, 0x10, a, 0x10000);
            assertThat(slots()).containsExactly("0,30 A+0");
        }

        @Test
        void mappingOverManySlotsTellsEveryPiece() {
            ram(0, 0x10, a, 0);
            rom(0x20, 0x10, a, 0x20000);
            ram(0x40, 0x10, a, 0x40000);
            recorder.events.clear();
            ram(8, 0x40, b, 0);
            assertThat(slots()).containsExactly("0,8 A+0", "8,40 B+0", "48,8 A+48000");
            assertThat(recorder.events)
                    .containsExactly(
                            "changed(8,8 A+8000 -> 8,8 B+0)",
                            "added(10,10 B+8000)",
                            "changed(20,10 A+20000 ROM -> 20,10 B+18000)",
                            "added(30,10 B+28000)",
                            "changed(40,8 A+40000 -> 40,8 B+38000)");
        }

        @Test
        void ramOverTheSameRangeTakesTheNewBacking() {
            ram(0, 0x100, a, 0);
            ram(0, 0x100, b, 0);
            assertThat(slots()).containsExactly("0,100 B+0");
            assertThat(recorder.events).last().isEqualTo("changed(0,100 A+0 -> 0,100 B+0)");
        }

        @Test
        void blockStaysWhileAnySlotRefersToIt() {
            ram(0x100, 0x10, a, 0);
            invalid(0x108, 8);
            ram(0x108, 8, a, 0x8000);
            assertThat(slots()).containsExactly("100,10 A+0");
            invalid(0x100, 8);
            assertThatThrownBy(() -> space.removeBlock(a))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("still mapped");
            assertThat(host.released).isEmpty();
        }

        @Test
        void unmapOfHugeRangesGrowsNothing() {
            space.unmap(0, 1L << 40);
            assertThat(space.highestMapped()).isZero();
            assertThat(recorder.events).isEmpty();
        }

        @Test
        void slotPastTheBlocksEndIsRejected() {
            assertThatThrownBy(() -> ram(0, 0x401, a, 0))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("0x401000")
                    .hasMessageContaining("past the end of block A");
            assertThatThrownBy(() -> ram(0, 1, a, 0x400000))
                    .isInstanceOf(IllegalArgumentException.class);
            assertThat(slots()).isEmpty();
        }
    }

    @Test
    void identicalMappingTellsNothing() {
        ram(0, 0x10, a, 0);
        recorder.events.clear();
        ram(0, 0x10, a, 0);
        ram(4, 4, a, 0x4000);
        assertThat(slots()).containsExactly("0,10 A+0");
        assertThat(recorder.events).isEmpty();
    }

    @Test
    void unmapOfDeviceSpaceTellsNothing() {
        ram(0, 0x10, a, 0);
        recorder.events.clear();
        invalid(0x20, 0x10);
        assertThat(recorder.events).isEmpty();
    }

    @Test
    void twoGpasMayShareAnHva() {
        ram(0, 0x10, a, 0);
        ram(0x100, 0x10, a, 0);
        assertThat(space.hvaOf(0x3123)).isEqualTo(space.hvaOf(0x103123));
    }

    @Nested
    class Lookup {
        @BeforeEach
        void map() {
            ram(0x10, 0x10, a, 0x5000);
            rom(0x40, 1, b, 0);
        }

        @ParameterizedTest
        @ValueSource(
                longs = {
                    0,
                    0xffff,
                    0x20000,
                    0x3ffff,
                    0x41000,
                    1L << 40,
                    Long.MAX_VALUE,
                    -1,
                    Long.MIN_VALUE
                })
        void deviceSpaceHasNoSlot(long gpa) {
            assertThat(space.slotAt(gpa)).isNull();
            assertThat(space.hvaOf(gpa)).isEqualTo(-1);
        }

        @Test
        void slotAtFindsFirstAndLastByte() {
            assertThat(Recorder.text(space.slotAt(0x10000))).isEqualTo("10,10 A+5000");
            assertThat(Recorder.text(space.slotAt(0x1ffff))).isEqualTo("10,10 A+5000");
            assertThat(space.slotAt(0x40fff).readOnly()).isTrue();
        }

        @Test
        void hvaCountsFromTheBlock() {
            assertThat(space.hvaOf(0x10000)).isEqualTo(a.hva() + 0x5000);
            assertThat(space.hvaOf(0x1ffff)).isEqualTo(a.hva() + 0x14fff);
            assertThat(space.hvaOf(0x40800)).isEqualTo(b.hva() + 0x800);
        }

        @Test
        void allocatesNothing() {
            var threads = (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
            long sum = lookUp();
            long before = threads.getCurrentThreadAllocatedBytes();
            sum += lookUp();
            long allocated = threads.getCurrentThreadAllocatedBytes() - before;
            assertThat(sum).isNotZero();
            assertThat(allocated).isLessThan(10_000);
        }

        private long lookUp() {
            long sum = 0;
            for (int i = 0; i < 10_000; i++) {
                MemorySlot s = space.slotAt(i * 0x20L);
                sum += space.hvaOf(i * 0x20L) + (s == null ? 0 : s.gpa());
            }
            return sum;
        }
    }

    @Nested
    class Rejections {
        @ParameterizedTest
        @CsvSource({
            "0x800, 0x1000",
            "0x1000, 0x800",
            "0x1000, 0",
            "0x1000, -0x1000",
            "-0x1000, 0x1000",
            "0xfffffff000, 0x2000",
            "0x10000000000, 0x1000",
            "0x7ffffffffffff000, 0x1000",
            "0x1000, 0x7ffffffffffff000"
        })
        void badRanges(String gpa, String size) {
            long g = Long.decode(gpa);
            long s = Long.decode(size);
            assertThatThrownBy(() -> space.map(g, s, a, 0, false))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("0x");
            assertThatThrownBy(() -> space.unmap(g, s))
                    .isInstanceOf(IllegalArgumentException.class);
            assertThat(space.slots()).isEmpty();
            assertThat(space.highestMapped()).isZero();
        }

        @Test
        void lastPageOfTheSpaceIsAllowed() {
            ram(0xfffffff, 1, a, 0);
            assertThat(space.highestMapped()).isEqualTo(1L << 40);
        }

        @ParameterizedTest
        @ValueSource(longs = {-0x1000, 0x800, Long.MAX_VALUE - 0xfff, Long.MIN_VALUE})
        void badOffsets(long offset) {
            assertThatThrownBy(() -> ram(0, 1, a, offset))
                    .isInstanceOf(IllegalArgumentException.class);
        }

        @Test
        void foreignAndRemovedBlocks() {
            RamBlock foreign = new GuestSpace(host, 40).addBlock("A", 0x1000);
            assertThatThrownBy(() -> ram(0, 1, foreign, 0))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("not a block of this machine");
            space.removeBlock(b);
            assertThatThrownBy(() -> ram(0, 1, b, 0)).isInstanceOf(IllegalArgumentException.class);
            assertThatThrownBy(() -> space.removeBlock(b))
                    .isInstanceOf(IllegalArgumentException.class);
            assertThatThrownBy(() -> ram(0, 1, null, 0))
                    .isInstanceOf(IllegalArgumentException.class);
        }

        @ParameterizedTest
        @ValueSource(longs = {0, -0x1000, 0x800, 0x1001})
        void badBlockSizes(long size) {
            assertThatThrownBy(() -> space.addBlock("C", size))
                    .isInstanceOf(IllegalArgumentException.class);
        }

        @Test
        void badBlockNames() {
            assertThatThrownBy(() -> space.addBlock("A", 0x1000))
                    .hasMessageContaining("already in use");
            assertThatThrownBy(() -> space.addBlock(" ", 0x1000))
                    .isInstanceOf(IllegalArgumentException.class);
            assertThatThrownBy(() -> space.addBlock(null, 0x1000))
                    .isInstanceOf(IllegalArgumentException.class);
        }

        @ParameterizedTest
        @ValueSource(ints = {31, 53, 0, -1})
        void badWidths(int bits) {
            assertThatThrownBy(() -> new GuestSpace(host, bits))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("expected 32 .. 52");
        }

        @ParameterizedTest
        @CsvSource({
            "0x30000800, 0x1000",
            "0x30000000, 0x800",
            "0x30000000, 0",
            "0, 0x1000",
            "0x7ffffffffffff000, 0x2000"
        })
        void badRegionsOfTheCaller(String hva, String size) {
            HostRegion region = host.region(Long.decode(hva), Long.decode(size));
            assertThatThrownBy(() -> space.addBlock("C", region))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("0x");
            assertThat(space.blocks()).containsExactly(a, b);
            assertThat(host.released).isEmpty();
        }

        @Test
        void fullHostLeavesNoBlock() {
            host.full = true;
            assertThatThrownBy(() -> space.addBlock("C", 0x1000))
                    .isInstanceOf(HostMemoryException.class);
            assertThat(space.blocks()).containsExactly(a, b);
            host.full = false;
            assertThat(space.addBlock("C", 0x1000).name()).isEqualTo("C");
        }
    }

    @Nested
    class Listening {
        @Test
        void newMapIsPublishedBeforeListenersHear() {
            List<Integer> seen = new ArrayList<>();
            space.addListener(
                    new MemoryListener() {
                        @Override
                        public void mappingRemoved(MemorySlot old) {
                            seen.add(space.slots().size());
                        }
                    });
            ram(0, 1, a, 0);
            invalid(0, 1);
            assertThat(seen).containsExactly(0);
        }

        @Test
        void listenersMayNotChangeTheMap() {
            space.addListener(
                    new MemoryListener() {
                        @Override
                        public void mappingAdded(MemorySlot now) {
                            space.unmap(now.gpa(), now.size());
                        }
                    });
            assertThatThrownBy(() -> ram(0, 1, a, 0)).isInstanceOf(IllegalStateException.class);
            assertThat(slots()).containsExactly("0,1 A+0");
        }

        @Test
        void oneThatFailsDoesNotHideTheEventFromOthers() {
            MemoryListener broken =
                    new MemoryListener() {
                        @Override
                        public void mappingAdded(MemorySlot now) {
                            throw new IllegalStateException("broken");
                        }
                    };
            Recorder later = new Recorder();
            space.addListener(broken);
            space.addListener(later);
            assertThatThrownBy(() -> ram(0, 1, a, 0)).hasMessage("broken");
            assertThat(later.events).containsExactly("added(0,1 A+0)");
            space.removeListener(broken);
            ram(1, 1, a, 0x1000);
            assertThat(later.events).hasSize(2);
        }
    }

    @Test
    void memoryOfTheCallerBacksSlotsAndIsReleasedWithItsBlock() {
        RamBlock c = space.addBlock("C", host.region(0x3000_0000L, 0x4000));
        ram(8, 2, c, 0x1000);
        assertThat(space.hvaOf(0x9123)).isEqualTo(0x3000_2123L);
        invalid(8, 2);
        space.removeBlock(c);
        assertThat(host.released).containsExactly(0x3000_0000L);
    }

    @Test
    void blockTellsWhatItOccupies() {
        assertThat(a.residentBytes()).isEqualTo(0x3000);
    }

    @Test
    void aMappingIsAnnouncedBeforeItIsThereAndCanBePrevented() {
        List<String> seen = new ArrayList<>();
        boolean[] prevent = {false};
        space.addListener(
                new MemoryListener() {
                    @Override
                    public void beforeMapping(MemorySlot now) {
                        seen.add(Recorder.text(now) + " " + (space.slotAt(now.gpa()) == null));
                        if (prevent[0]) {
                            throw new IllegalStateException("no");
                        }
                    }
                });
        ram(0, 1, a, 0);
        ram(0, 1, a, 0); // the same again: announced, although nothing changes
        prevent[0] = true;
        recorder.events.clear();
        assertThatThrownBy(() -> ram(1, 1, a, 0x1000)).hasMessage("no");
        assertThat(seen).containsExactly("0,1 A+0 true", "0,1 A+0 false", "1,1 A+1000 true");
        assertThat(space.slotAt(0x1000)).isNull();
        assertThat(recorder.events).isEmpty();
    }

    @Test
    void aBlockIsAnnouncedBeforeItsMemoryGoes() {
        List<String> seen = new ArrayList<>();
        space.addListener(
                new MemoryListener() {
                    @Override
                    public void beforeRelease(RamBlock block) {
                        seen.add(block.name() + " " + host.released.contains(block.hva()));
                    }
                });
        space.removeBlock(a);
        space.close();
        assertThat(seen).containsExactly("A false", "B false");
        assertThat(host.released).hasSize(2);
    }

    @Test
    void closeTellsTheListenersBeforeItReleases() {
        ram(0, 1, a, 0);
        recorder.events.clear();
        List<Integer> releasedThen = new ArrayList<>();
        space.addListener(
                new MemoryListener() {
                    @Override
                    public void mappingRemoved(MemorySlot old) {
                        releasedThen.add(host.released.size());
                    }
                });
        space.close();
        space.close();
        assertThat(recorder.events).containsExactly("removed(0,1 A+0)");
        assertThat(releasedThen).containsExactly(0);
        assertThat(host.released).containsExactly(a.hva(), b.hva());
        assertThat(space.slotAt(0)).isNull();
        assertThatThrownBy(() -> ram(0, 1, a, 0)).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> space.addBlock("C", 0x1000))
                .isInstanceOf(IllegalStateException.class);
    }
}
