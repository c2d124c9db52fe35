// SPDX-License-Identifier: Apache-2.0
package dev.faultline.itests;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.itests.BundleRules.Contents;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** The rules themselves, on made-up bundles. */
class BundleRulesTest {
    private static final Contents API =
            bundle("dev.faultline.api", Set.of(), Set.of("dev.faultline.api.vm"));
    private static final Contents X86 =
            bundle(
                    "dev.faultline.cpu.x86",
                    Set.of("dev.faultline.api.vm"),
                    Set.of("dev.faultline.cpu.x86.decode"));

    @Test
    void implementationsMayImportTheApi() {
        Contents memory =
                bundle("dev.faultline.memory", Set.of("dev.faultline.api.vm", "org.x"), Set.of());

        assertThat(BundleRules.violations(List.of(API, X86, memory))).isEmpty();
    }

    @Test
    void enginesMayImportWhatTheyShare() {
        Contents engine =
                bundle(
                        "dev.faultline.cpu.interpreter",
                        Set.of("dev.faultline.cpu.x86.decode"),
                        Set.of());

        assertThat(BundleRules.violations(List.of(API, X86, engine))).isEmpty();
    }

    @Test
    void othersMayNot() {
        Contents memory =
                bundle("dev.faultline.memory", Set.of("dev.faultline.cpu.x86.decode"), Set.of());

        assertThat(BundleRules.violations(List.of(API, X86, memory)))
                .containsExactly(
                        "dev.faultline.memory imports dev.faultline.cpu.x86.decode of"
                                + " dev.faultline.cpu.x86");
    }

    @Test
    void implementationsMayNotExport() {
        Contents memory =
                bundle("dev.faultline.memory", Set.of(), Set.of("dev.faultline.memory.open"));

        assertThat(BundleRules.violations(List.of(API, memory)))
                .containsExactly("dev.faultline.memory exports dev.faultline.memory.open");
    }

    @Test
    void theApiImportsNothingOfOurs() {
        Contents api =
                bundle("dev.faultline.api", Set.of("dev.faultline.cpu.x86.decode"), Set.of());

        assertThat(BundleRules.violations(List.of(api, X86))).isNotEmpty();
    }

    @Test
    void aPackageHasOneHome() {
        Contents one =
                new Contents(
                        "dev.faultline.mmu", Set.of(), Set.of(), Set.of("dev.faultline.mmu.a"));
        Contents two =
                new Contents(
                        "dev.faultline.mmu.a", Set.of(), Set.of(), Set.of("dev.faultline.mmu.a"));

        assertThat(BundleRules.violations(List.of(one, two)))
                .containsExactly(
                        "dev.faultline.mmu.a is in dev.faultline.mmu and in dev.faultline.mmu.a");
    }

    @Test
    void headersAreReadWithQuotedCommas() {
        assertThat(BundleRules.packagesOf("a.b;version=\"[1.0,2)\",c;d;version=1,e"))
                .containsExactly("a.b", "c", "d", "e");
    }

    private static Contents bundle(String name, Set<String> imports, Set<String> exports) {
        return new Contents(name, imports, exports, exports);
    }
}
