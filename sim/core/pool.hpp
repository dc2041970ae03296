#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <new>
#include <type_traits>
#include <typeindex>
#include <utility>
#include <vector>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

namespace prodsim {

/// Storage for many short-lived objects of one type. An object never moves, freed places are
/// reused last-in first-out (the warmest first), and memory grows with the most that ever lived
/// at once, not with how many there were.
template <class T>
class Pool {
    static_assert(std::is_trivially_destructible_v<T>, "places are reused without destruction");

public:
    Pool() = default;
    Pool(const Pool&) = delete;
    Pool& operator=(const Pool&) = delete;

    template <class... Arguments>
    T& acquire(Arguments&&... arguments) {
        Place* place = free_;
        if (place != nullptr) {
            use(place);
            free_ = place->next;
        } else {
            if (fresh_ == fresh_end_) grow();
            place = fresh_++;
        }
        ++live_;
        // Without arguments the members' own initialisers do; braces would clear it all before.
        if constexpr (sizeof...(Arguments) == 0) {
            return *new (static_cast<void*>(place)) T;
        } else {
            return *new (static_cast<void*>(place)) T{std::forward<Arguments>(arguments)...};
        }
    }

    void release(T& object) {
        auto* place = reinterpret_cast<Place*>(&object);
        place->next = free_;
        free_ = place;
        --live_;
        leave(place);
    }

    std::size_t live() const { return live_; }
    std::size_t capacity() const { return capacity_; }

private:
    union Place {
        Place* next;
        alignas(T) std::byte storage[sizeof(T)];
    };

#ifdef __SANITIZE_ADDRESS__
    // So that a look at an object after its release is found, as with memory from the heap.
    static void use(Place* place) { ASAN_UNPOISON_MEMORY_REGION(place, sizeof(Place)); }
    static void leave(Place* place) { ASAN_POISON_MEMORY_REGION(place, sizeof(Place)); }
#else
    static void use(Place*) {}
    static void leave(Place*) {}
#endif

    void grow() {
        const std::size_t count = capacity_ < first_block ? first_block : capacity_;
        blocks_.push_back(std::make_unique_for_overwrite<Place[]>(count));
        fresh_ = blocks_.back().get();
        fresh_end_ = fresh_ + count;
        capacity_ += count;
    }

    static constexpr std::size_t first_block = 16;

    std::vector<std::unique_ptr<Place[]>> blocks_;
    Place* free_ = nullptr;
    Place* fresh_ = nullptr;  // of the last block, never used: its pages cost nothing yet
    Place* fresh_end_ = nullptr;
    std::size_t live_ = 0;
    std::size_t capacity_ = 0;
};

/// One pool for each type, shared by all who make objects of it: a place that one has freed is
/// still in the cache when the next one takes it.
class Pools {
public:
    /// The pool lives as long as this. Look it up once: the way there is a search.
    template <class T>
    Pool<T>& of() {
        std::unique_ptr<Shelf>& shelf = shelves_[std::type_index(typeid(T))];
        if (shelf == nullptr) shelf = std::make_unique<ShelfOf<T>>();
        return static_cast<ShelfOf<T>&>(*shelf).pool;
    }

private:
    struct Shelf {
        virtual ~Shelf() = default;
    };
    template <class T>
    struct ShelfOf final : Shelf {
        Pool<T> pool;
    };

    std::map<std::type_index, std::unique_ptr<Shelf>> shelves_;
};

}  // namespace prodsim
