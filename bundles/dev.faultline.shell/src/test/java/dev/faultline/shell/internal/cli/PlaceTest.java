// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class PlaceTest {
    @Test
    void aDirectoryIsAFileUri() {
        Place p = Place.of("some/dir with space");
        assertThat(Path.of(p.uri())).isEqualTo(Path.of("some/dir with space").toAbsolutePath());
        assertThat(p).hasToString("some/dir with space");
        assertThat(p.name()).isEqualTo("dir with space");
        assertThat(Place.of("odd:name").uri().getScheme()).isEqualTo("file");
    }

    @Test
    void aUriStaysOne() {
        assertThat(Place.of("http://h:8/a/snap/?k=1").uri()).hasToString("http://h:8/a/snap/?k=1");
        assertThat(Place.of("http://h:8/a/snap/?k=1").name()).isEqualTo("snap");
        assertThat(Place.of("file:///tmp/x").uri()).hasToString("file:///tmp/x");
        assertThatThrownBy(() -> Place.of("http://a b")).hasMessageContaining("is no URI");
    }
}
