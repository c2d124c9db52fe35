// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.gogo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.api.snapshot.SnapshotService;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Which snapshot {@code vm:snapshot verify --id} demands of the service. */
class SnapshotIdTest {
    private static final String ID = "ab".repeat(32);

    private final List<Object> demanded = new ArrayList<>();
    private final SnapshotCommands commands = new SnapshotCommands(guests());

    private Guests guests() {
        Guests g = new Guests();
        g.bindSnapshots(
                (SnapshotService)
                        Proxy.newProxyInstance(
                                SnapshotService.class.getClassLoader(),
                                new Class<?>[] {SnapshotService.class},
                                (p, method, args) -> {
                                    assertThat(method.getName()).isEqualTo("verify");
                                    assertThat(args).hasSize(3);
                                    demanded.add(args[1]);
                                    return 7L;
                                }));
        return g;
    }

    private String snapshot(String verb, String id) {
        return commands.snapshot(false, false, "lazy", "", id, "lz4", verb, "dir");
    }

    @Test
    void anIdIsDemandedIfOneIsGiven() {
        assertThat(snapshot("verify", ID.toUpperCase(java.util.Locale.ROOT))).contains("7 pages");
        assertThat(snapshot("verify", "")).contains("7 pages");
        assertThat(demanded).isEqualTo(Arrays.asList(ID, null));
    }

    @Test
    void whatIsNoIdIsRefusedBeforeAnythingIsRead() {
        for (String verb : List.of("verify", "restore")) {
            assertThatThrownBy(() -> snapshot(verb, "abc"))
                    .hasMessageContaining("'abc'")
                    .hasMessageContaining("64");
        }
        assertThat(demanded).isEmpty();
    }
}
