// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.block;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.op.Op;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** The table of a page against a map. */
class CodePageTest {
    private static final class At extends Block {
        At(int start) {
            super(new char[] {(char) start, (char) (start + 1)});
        }

        @Override
        public int run(VcpuContext v) {
            throw new AssertionError("not run");
        }

        @Override
        public Op op(int i) {
            throw new AssertionError("not run");
        }
    }

    /** As the engine looks a block up. */
    private static Block find(CodePage page, int offset) {
        Block b = page.blocks[offset & page.blocks.length - 1];
        return b == null || b.start != offset ? null : b;
    }

    @Test
    void whatWasPutIsFoundAndNothingElse() {
        Random r = new Random(3);
        for (int round = 0; round < 50; round++) {
            CodePage page = new CodePage(1, 64);
            Map<Integer, Block> want = new HashMap<>();
            for (int i = 1 + r.nextInt(200); i > 0; i--) {
                int at = r.nextInt(CodePage.SIZE);
                Block b = new At(at);
                page.put(at, b);
                want.put(at, b);
                assertThat(page.count).isEqualTo(want.size());
            }
            for (int at = 0; at < CodePage.SIZE; at++) {
                assertThat(find(page, at)).isSameAs(want.get(at));
            }
            page.clear();
            assertThat(page.isEmpty()).isTrue();
            assertThat(page.blocks).allMatch(Objects::isNull);
        }
    }

    @Test
    void aFullPageHasAPlaceForEveryByteAndAFewBlocksTakeLittle() {
        CodePage page = new CodePage(1, 64);
        for (int at = 0; at < 32; at++) {
            page.put(at, new At(at));
        }
        assertThat(page.blocks.length).isEqualTo(32);
        for (int at = 0; at < CodePage.SIZE; at++) {
            page.put(at, new At(at));
        }
        assertThat(page.blocks.length).isEqualTo(CodePage.SIZE);
        assertThat(Arrays.stream(page.blocks).map(b -> b.start).distinct().count())
                .isEqualTo(CodePage.SIZE);
    }
}
