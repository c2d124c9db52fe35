// SPDX-License-Identifier: Apache-2.0
package dev.faultline.platform.unix;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.faultline.api.memory.HostBytes;
import dev.faultline.api.platform.CodeMemory;
import dev.faultline.api.platform.HostError;
import dev.faultline.api.platform.HostMemory;
import dev.faultline.api.platform.HostMemoryException;
import dev.faultline.api.platform.HostRegion;
import dev.faultline.api.platform.SharedMemory;
import java.io.IOException;
import java.io.InputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

/**
 * A running machine keeps its regions when the platform's bundle is updated or uninstalled. From
 * then on the old class loader finds no class that it has not loaded.
 */
@EnabledOnOs({OS.LINUX, OS.FREEBSD})
class OutlivesItsBundleTest {
    private static final class BundleLoader extends ClassLoader {
        private final String own = UnixHostMemory.class.getPackageName() + ".";
        private boolean gone;

        BundleLoader() {
            super(UnixHostMemory.class.getClassLoader());
        }

        @Override
        protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
            if (name.startsWith("java.")) {
                return super.loadClass(name, resolve);
            }
            if (gone) {
                throw new ClassNotFoundException(name + ", the bundle is gone");
            }
            Class<?> known = findLoadedClass(name);
            if (known != null || !name.startsWith(own)) {
                return known != null ? known : super.loadClass(name, resolve);
            }
            String file = name.replace('.', '/') + ".class";
            try (InputStream in = getParent().getResourceAsStream(file)) {
                byte[] b = in.readAllBytes();
                return defineClass(name, b, 0, b.length);
            } catch (IOException e) {
                throw new ClassNotFoundException(name, e);
            }
        }
    }

    private static HostError errorOf(org.assertj.core.api.ThrowableAssert.ThrowingCallable call) {
        return catchThrowableOfType(HostMemoryException.class, call).error();
    }

    @Test
    void regionsAndViewsWorkAndFailAsBefore() throws Exception {
        BundleLoader loader = new BundleLoader();
        Class<?> abi = loader.loadClass(Abi.class.getName());
        HostMemory memory =
                (HostMemory)
                        loader.loadClass(UnixHostMemory.class.getName())
                                .getConstructor(abi)
                                .newInstance(abi.getMethod("ofHost").invoke(null));
        assertThat(memory.getClass()).isNotEqualTo(UnixHostMemory.class);
        int page = memory.pageSize();
        HostRegion region = memory.reserve(4L * page);
        SharedMemory shared = memory.share(4L * page);
        SharedMemory.View view = shared.view();
        CodeMemory code = memory.code(page);
        loader.gone = true;

        HostBytes.put64(region.address(), 1);
        assertThat(region.residentBytes()).isEqualTo(page);
        region.discard(0, page);
        assertThat(HostBytes.get64(region.address())).isZero();
        assertThat(errorOf(() -> region.discard(1, 1))).isEqualTo(HostError.INVALID);
        HostBytes.put64(shared.address(), 2);
        view.follow(0, page);
        assertThat(HostBytes.get64(view.address())).isEqualTo(2);
        view.discard(0, page);
        assertThat(HostBytes.get64(view.address())).isZero();
        assertThat(shared.residentBytes()).isPositive();
        // Nobody has seen a failure of the system itself so far.
        assertThat(errorOf(() -> memory.reserve(1L << 47))).isEqualTo(HostError.INVALID);
        assertThat(errorOf(() -> reserveUntilItFails(memory))).isEqualTo(HostError.NO_MEMORY);
        HostBytes.put64(code.writable(), 3);
        assertThat(HostBytes.get64(code.executable())).isEqualTo(3);
        assertThat(errorOf(() -> memory.code(0))).isEqualTo(HostError.INVALID);
        code.close();
        view.close();
        shared.close();
        region.close();
        assertThat(errorOf(region::residentBytes)).isEqualTo(HostError.INVALID);
    }

    private static void reserveUntilItFails(HostMemory memory) {
        java.util.List<HostRegion> all = new java.util.ArrayList<>();
        try {
            for (int i = 0; i < 5000; i++) {
                all.add(memory.reserve(1L << 46));
            }
        } finally {
            all.forEach(HostRegion::close);
        }
    }
}
